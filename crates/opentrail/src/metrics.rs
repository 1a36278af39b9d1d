//! `/-/health` and `/-/metrics`: what the server says of itself, unsigned and unrecorded.

use crate::front::{Answer, plain};
use crate::server::Server;
use http::{HeaderValue, Request, StatusCode, header};
use opentrail_delivery::{DeliveryState, TrailStatus};
use std::fmt::Write;

/// Answers the server's own paths; `None` for everything else.
pub fn answer<B>(server: &Server, request: &Request<B>) -> Option<Answer> {
    match request.uri().path() {
        "/-/health" => Some(health(server)),
        "/-/metrics" => {
            let mut response = plain(StatusCode::OK, text(server));
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; version=0.0.4"));
            Some(response)
        }
        path if path.starts_with("/SimpleNotificationService-") => Some(certificate(server, &path[1..])),
        path if path.starts_with("/-/") => Some(plain(StatusCode::NOT_FOUND, "no such page\n")),
        _ => None,
    }
}

/// What receivers of notifications check signatures with.
fn certificate(server: &Server, name: &str) -> Answer {
    let Some(pem) = server.app.topics.certificate(name) else { return plain(StatusCode::NOT_FOUND, "no such certificate\n") };
    let mut response = plain(StatusCode::OK, pem);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-pem-file"));
    response
}

fn health(server: &Server) -> Answer {
    if server.app.intake.log().is_accepting() {
        plain(StatusCode::OK, "ok\n")
    } else {
        plain(StatusCode::SERVICE_UNAVAILABLE, "the event log does not accept events; see the server's log\n")
    }
}

/// The figures in Prometheus' text form.
pub fn text(server: &Server) -> String {
    let mut out = String::new();
    let mut metric = |name: &str, kind: &str, help: &str, value: f64| {
        let _ = writeln!(out, "# HELP opentrail_{name} {help}\n# TYPE opentrail_{name} {kind}\nopentrail_{name} {value}");
    };
    let log = server.app.intake.log().stats();
    let figure = |value: u64| value as f64;
    metric("events_total", "counter", "Events recorded since the start.", figure(log.events));
    metric("imported_events_total", "counter", "Events imported since the start.", figure(log.imported_events));
    metric("log_bytes_total", "counter", "Bytes written to the event log since the start.", figure(log.bytes));
    metric("log_groups_total", "counter", "Group commits since the start.", figure(log.groups));
    metric("log_sync_seconds_total", "counter", "Time spent syncing the event log.", figure(log.sync_micros) / 1e6);
    metric("log_refused_total", "counter", "Submissions refused: disk full or log stopped.", figure(log.refused));
    metric("log_segments", "gauge", "Segment files of the event log.", log.segments as f64);
    metric("log_position", "gauge", "Position after the last durable event.", figure(log.end));
    let history = server.app.history.end();
    metric("history_lag", "gauge", "Positions the event history is behind the log.", figure(log.end.saturating_sub(history)));
    metric("history_events", "gauge", "Events that can be looked up.", figure(server.app.history.count()));
    let topics = server.app.topics.stats();
    metric("notifications_total", "counter", "Notifications that reached a subscriber.", figure(topics.delivered));
    metric("notification_failures_total", "counter", "Attempts to notify a subscriber that failed.", figure(topics.failed));
    metric("notifications_dropped_total", "counter", "Notifications given up without a dead letter.", figure(topics.dropped));
    metric("notifications_pending", "gauge", "Notifications that webhooks are still to get.", figure(topics.pending));
    let rules = server.rules.stats();
    metric("rule_matches_total", "counter", "Matches of an event by a rule.", figure(rules.matched));
    metric("rule_deliveries_total", "counter", "Matched events that targets got or will.", figure(rules.delivered));
    metric("rule_failures_total", "counter", "Matched events that targets did not get.", figure(rules.failed));
    metric("rule_drops_total", "counter", "Matched events given up without a dead letter.", figure(rules.dropped));
    metric("rule_calls_pending", "gauge", "Calls of API destinations still to be made.", figure(rules.pending));
    let delivery = server.delivery_stats();
    metric("delivered_files_total", "counter", "Log files delivered since the start.", figure(delivery.files));
    metric("delivered_events_total", "counter", "Events delivered in log files since the start.", figure(delivery.records));
    metric("delivered_digests_total", "counter", "Digests delivered since the start.", figure(delivery.digests));
    metric("delivery_refused_total", "counter", "Puts that a bucket refused.", figure(delivery.refused));
    metric("lost_events_total", "counter", "Events given up after 30 days of failed delivery.", figure(delivery.lost_records));
    metric(
        "unreadable_events_total",
        "counter",
        "Events left out of log files because they are not JSON objects.",
        figure(delivery.unreadable_records),
    );
    let groups = server.trail_log_stats();
    metric("log_group_events_total", "counter", "Trails' events written into log groups.", figure(groups.delivered));
    metric("log_group_oversize_total", "counter", "Events over 256 KB, left out of log groups.", figure(groups.oversize));
    metric("log_group_refused_total", "counter", "Attempts that a log group or its role refused.", figure(groups.refused));
    metric("log_group_lost_total", "counter", "Events given up: their log group was not usable.", figure(groups.lost));
    let subscriptions = server.app.subscriptions.stats();
    metric("subscription_deliveries_total", "counter", "Batches that subscribers took.", figure(subscriptions.delivered));
    metric(
        "subscription_failures_total",
        "counter",
        "Attempts to deliver to a subscriber that failed.",
        figure(subscriptions.failed),
    );
    metric("subscription_lost_total", "counter", "Batches and events that subscribers did not get.", figure(subscriptions.lost));
    per_trail(server, log.end, &mut out);
    out
}

fn per_trail(server: &Server, end: u64, out: &mut String) {
    let Ok(states) = server.app.catalog.list::<DeliveryState>("") else { return };
    let now_ms = server.app.intake.now().unix_timestamp() * 1000;
    let _ = writeln!(
        out,
        "# HELP opentrail_delivery_lag Positions a trail's delivery is behind the log.\n# TYPE opentrail_delivery_lag gauge"
    );
    for state in &states {
        let _ =
            writeln!(out, "opentrail_delivery_lag{{trail=\"{}\"}} {}", label(&state.trail_id), end.saturating_sub(state.cursor));
    }
    let _ = writeln!(
        out,
        "# HELP opentrail_delivery_age_seconds Time since a trail's last delivery in any region.\n# TYPE opentrail_delivery_age_seconds gauge"
    );
    for state in &states {
        let Ok(regions) = server.app.catalog.list::<TrailStatus>(&format!("{}/", state.trail_id)) else { continue };
        if let Some(latest) = regions.iter().filter_map(|status| status.latest_delivery_ms).max() {
            let _ = writeln!(
                out,
                "opentrail_delivery_age_seconds{{trail=\"{}\"}} {}",
                label(&state.trail_id),
                (now_ms - latest).max(0) as f64 / 1000.0
            );
        }
    }
}

fn label(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
