//! Chains written by a program that is not ours, and ways to damage them.

#![allow(dead_code)]

use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use object_store::memory::InMemory;
use object_store::path::Path as StorePath;
use object_store::{Attribute, Attributes, ObjectStore, PutOptions};
use opentrail_verify::{Checked, Code, KeySet, Options, Progress, Report, Severity, Verdict, open_source, verify};
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

const GENERATOR: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/verify/make_chain.py");

/// A written chain in a folder of its own.
pub struct Chain {
    pub folder: tempfile::TempDir,
    pub options: Options,
}

impl Chain {
    /// `None`, with a message, where Python or its `cryptography` package is absent.
    pub fn write(arguments: &[&str]) -> Option<Self> {
        let has_cryptography = Command::new("python3").args(["-c", "import cryptography"]).output();
        if !has_cryptography.is_ok_and(|output| output.status.success()) {
            println!("skipped: no python3 with cryptography");
            return None;
        }
        let folder = tempfile::tempdir().expect("a folder");
        let output = Command::new("python3").arg(GENERATOR).arg(folder.path()).args(arguments).output().expect("runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let keys = KeySet::from_file(&folder.path().join("keys.json")).expect("keys load");
        Some(Self { folder, options: Options { keys: Some(keys), ..Options::default() } })
    }

    pub fn root(&self) -> PathBuf {
        self.folder.path().join("bucket")
    }

    /// Files whose names contain `part`, in order of time.
    pub fn files(&self, part: &str) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut folders = vec![self.root()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).expect("lists") {
                let path = entry.expect("lists").path();
                let name = path.file_name().expect("has a name").to_str().expect("UTF-8").to_owned();
                if path.is_dir() {
                    folders.push(path);
                } else if name.contains(part) && name.ends_with(".gz") {
                    found.push(path);
                }
            }
        }
        found.sort();
        found
    }

    pub fn digests(&self) -> Vec<PathBuf> {
        self.files("_CloudTrail-Digest_")
    }

    pub fn logs(&self) -> Vec<PathBuf> {
        self.files("_CloudTrail_")
    }

    pub async fn verify(&self) -> Report {
        self.verify_at(&self.root()).await
    }

    pub async fn verify_at(&self, path: &Path) -> Report {
        let source = open_source(path.to_str().expect("UTF-8")).expect("opens");
        verify(&[source], &self.options, &Lines::default()).await.expect("runs")
    }

    /// Damages the chain and looks at what is found, and at nothing else being found.
    pub async fn check(&self, expect: &[Code]) -> Report {
        let report = self.verify().await;
        let mut codes: Vec<_> = report.findings.iter().map(|finding| finding.code).collect();
        codes.sort_unstable();
        assert_eq!(codes, expect, "{}", report.to_text());
        let invalid = report.findings.iter().any(|finding| finding.severity == Severity::Invalid);
        assert_eq!(report.exit_code() == 1, invalid || report.verdict != Verdict::Valid, "{}", report.to_text());
        report
    }
}

#[derive(Default)]
pub struct Lines(pub Mutex<Vec<String>>);

impl Progress for Lines {
    fn checked(&self, checked: &Checked<'_>) {
        self.0.lock().expect("not poisoned").push(checked.line());
    }
}

pub fn gunzip(path: &Path) -> Vec<u8> {
    let mut plain = Vec::new();
    GzDecoder::new(&fs::read(path).expect("reads")[..]).read_to_end(&mut plain).expect("decompresses");
    plain
}

pub fn write_gzip(path: &Path, plain: &[u8]) {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(plain).expect("compresses");
    fs::write(path, encoder.finish().expect("compresses")).expect("writes");
}

pub fn replace(path: &Path, from: &str, to: &str) {
    let plain = String::from_utf8(gunzip(path)).expect("UTF-8");
    assert!(plain.contains(from));
    write_gzip(path, plain.replace(from, to).as_bytes());
}

pub fn metadata_file(digest: &Path) -> PathBuf {
    PathBuf::from(format!("{}.metadata.json", digest.display()))
}

#[macro_export]
macro_rules! chain {
    ($($argument:expr),*) => {
        match $crate::support::Chain::write(&[$($argument),*]) {
            Some(chain) => chain,
            None => return,
        }
    };
}

/// Puts the files of a chain into a bucket, with the metadata as S3 keeps it.
pub async fn upload(chain: &Chain, without_metadata: Option<usize>) -> Arc<InMemory> {
    let store = Arc::new(InMemory::new());
    let bare = without_metadata.map(|number| chain.digests()[number].clone());
    for file in chain.digests().into_iter().chain(chain.logs()) {
        let key = file.strip_prefix(chain.root()).expect("below").to_str().expect("UTF-8").to_owned();
        let mut attributes = Attributes::new();
        if let Ok(json) = fs::read(metadata_file(&file))
            && Some(&file) != bare.as_ref()
        {
            let metadata: std::collections::BTreeMap<String, String> = serde_json::from_slice(&json).expect("JSON");
            for (name, value) in metadata {
                attributes.insert(Attribute::Metadata(name.into()), value.into());
            }
        }
        let options = PutOptions { attributes, ..PutOptions::default() };
        let payload = fs::read(&file).expect("reads").into();
        store.put_opts(&StorePath::from(key), payload, options).await.expect("stored");
    }
    store
}
