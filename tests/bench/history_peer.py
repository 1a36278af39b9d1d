"""A peer for `opentrail bench history`: DuckDB, or SQLite with full-text search.

    python3 history_peer.py duckdb|sqlite < task.json > figures.json

The task is {"source": DIR, "dir": DIR, "lookups": [[field, value]], "conjunctions": [[[field, value], [field, value]]],
"words": [word], "count_by": [field, field], "counts": N, "file_search_values": [[id, ""], [word, ""], [user, day]]}.
Each answers the newest fifty whole records, as OpenTrail does. DuckDB: `pip install duckdb`.
"""

import glob
import gzip
import json
import os
import re
import resource
import sqlite3
import sys
import time

PAGE = 50
COLUMNS = ["eventName", "eventID", "eventSource", "userIdentity.accessKeyId", "userIdentity.userName", "sourceIPAddress"]


def cpu():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def timed(ask):
    started = time.perf_counter()
    ask()
    return (time.perf_counter() - started) * 1e3


def measured(task, name, load, lookup, word, count, file_search):
    before = cpu()
    stored = load()
    figures = {"name": name, "import_cpu_seconds": cpu() - before, "stored_bytes": stored}
    figures["lookups"] = [timed(lambda: lookup([pair])) for pair in task["lookups"]]
    figures["conjunctions"] = [timed(lambda: lookup(pairs)) for pairs in task["conjunctions"]]
    figures["words"] = [timed(lambda: word(w)) for w in task["words"]]
    before = cpu()
    figures["counts"] = [timed(count) for _ in range(task["counts"])]
    figures["count_cpu"] = (cpu() - before) * 1e3 / task["counts"]
    figures["file_search_cpu_seconds"] = []
    for number, values in enumerate(task["file_search_values"] if file_search else []):
        before = cpu()
        file_search(number, values)
        figures["file_search_cpu_seconds"].append(cpu() - before)
    figures["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return figures


def files(task):
    return sorted(glob.glob(os.path.join(task["source"], "**", "*.json.gz"), recursive=True))


def duckdb_peer(task):
    import duckdb

    path = os.path.join(task["dir"], "events.duckdb")
    db = duckdb.connect(path)
    db.execute("SET memory_limit='8GB'; SET threads=2; SET preserve_insertion_order=false")
    db.execute(f"SET temp_directory='{task['dir']}'")
    pattern = os.path.join(task["source"], "**", "*.json.gz")
    read = (
        f"SELECT unnest(\"Records\") AS record FROM read_json('{pattern}', columns={{'Records': 'JSON[]'}}, "
        "format='unstructured', maximum_object_size=67108864)"
    )

    def value(field):
        return f"record->>'$.{field}'"

    def load():
        columns = ", ".join(f'{value(field)} AS "{field}"' for field in COLUMNS)
        db.execute(f'CREATE TABLE events AS SELECT {value("eventTime")} AS "eventTime", {columns}, record FROM ({read})')
        db.execute("CHECKPOINT")
        return os.path.getsize(path)

    def lookup(pairs):
        where = " AND ".join(f'"{field}" = ?' for field, _ in pairs)
        query = f'SELECT record FROM events WHERE {where} ORDER BY "eventTime" DESC LIMIT {PAGE}'
        return db.execute(query, [value for _, value in pairs]).fetchall()

    def word(text):
        query = f'SELECT record FROM events WHERE contains(record::VARCHAR, ?) ORDER BY "eventTime" DESC LIMIT {PAGE}'
        return db.execute(query, [text]).fetchall()

    def count():
        fields = ", ".join(f'"{field}"' for field in task["count_by"])
        return db.execute(f"SELECT {fields}, count(*) AS n FROM events GROUP BY ALL ORDER BY n DESC LIMIT 100").fetchall()

    def file_search(number, values):
        where = [
            f"{value('eventID')} = '{values[0]}'",
            f"contains(record::VARCHAR, '{values[0]}')",
            f"{value('userIdentity.userName')} = '{values[0]}' AND starts_with({value('eventTime')}, '{values[1]}')",
        ][number]
        return db.execute(f"SELECT record FROM ({read}) WHERE {where}").fetchall()

    return measured(task, f"DuckDB {duckdb.__version__}", load, lookup, word, count, file_search)


def sqlite_peer(task):
    path = os.path.join(task["dir"], "events.sqlite")
    db = sqlite3.connect(path)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=NORMAL")

    def load():
        columns = ", ".join(f'"{field}"' for field in COLUMNS)
        db.execute(f'CREATE TABLE events (id INTEGER PRIMARY KEY, "eventTime", {columns}, record)')
        db.execute("CREATE VIRTUAL TABLE words USING fts5(record, content='events', content_rowid='id', detail='none')")

        def value(record, field):
            for key in field.split("."):
                record = record.get(key) if isinstance(record, dict) else None
            return record if isinstance(record, str) else None

        marks = ", ".join("?" for _ in range(len(COLUMNS) + 2))
        for name in files(task):
            with gzip.open(name) as file:
                records = json.load(file)["Records"]
            rows = [
                [r.get("eventTime"), *(value(r, field) for field in COLUMNS), json.dumps(r, separators=(",", ":"))] for r in records
            ]
            db.executemany(f'INSERT INTO events ("eventTime", {columns}, record) VALUES ({marks})', rows)
        for field in COLUMNS:
            db.execute(f'CREATE INDEX "by {field}" ON events ("{field}", "eventTime")')
        db.execute("INSERT INTO words(words) VALUES('rebuild')")
        db.commit()
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return os.path.getsize(path)

    def lookup(pairs):
        where = " AND ".join(f'"{field}" = ?' for field, _ in pairs)
        query = f'SELECT record FROM events WHERE {where} ORDER BY "eventTime" DESC LIMIT {PAGE}'
        return db.execute(query, [value for _, value in pairs]).fetchall()

    def word(text):
        query = f'SELECT record FROM events WHERE id IN (SELECT rowid FROM words WHERE words MATCH ?) ORDER BY "eventTime" DESC LIMIT {PAGE}'
        return db.execute(query, ['"' + re.sub('"', '""', text) + '"']).fetchall()

    def count():
        fields = ", ".join(f'"{field}"' for field in task["count_by"])
        return db.execute(f"SELECT {fields}, count(*) AS n FROM events GROUP BY 1, 2 ORDER BY n DESC LIMIT 100").fetchall()

    return measured(task, f"SQLite {sqlite3.sqlite_version} FTS5", load, lookup, word, count, None)


if __name__ == "__main__":
    peer = {"duckdb": duckdb_peer, "sqlite": sqlite_peer}[sys.argv[1]]
    json.dump(peer(json.load(sys.stdin)), sys.stdout)
