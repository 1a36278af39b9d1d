//! Key material: sealed files, opened once and kept in memory.

use crate::error::KmsError;
use aws_lc_rs::digest::{SHA256, digest};
use opentrail_seal::{DerivingKey, Seal, write_secret_file};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};
use zeroize::Zeroizing;

/// What material is sealed for.
const PURPOSE: &str = "kms-material";
const EXTENSION: &str = "sealed";
/// Most materials kept in memory. Beyond that the cache starts anew.
const CACHED_MATERIALS: usize = 4096;

/// The directory of key material.
pub(crate) struct Materials {
    dir: PathBuf,
    seal: Arc<Seal>,
    cache: RwLock<HashMap<String, DerivingKey>>,
}

impl Materials {
    pub(crate) fn new(dir: &Path, seal: Arc<Seal>) -> Self {
        Self { dir: dir.to_owned(), seal, cache: RwLock::default() }
    }

    fn path(&self, key_id: &str, material_id: &str) -> PathBuf {
        self.dir.join(key_id).join(material_id).with_extension(EXTENSION)
    }

    /// Makes material for a key, durable before this returns. Answers its id. Blocks.
    pub(crate) fn create(&self, key_id: &str) -> Result<String, KmsError> {
        let key = DerivingKey::random();
        let id = name(&key);
        let path = self.path(key_id, &id);
        let sealed = self
            .seal
            .seal(PURPOSE, &context(key_id, &id), key.as_bytes())
            .map_err(|source| KmsError::Sealed { path: path.clone(), source })?;
        write_secret_file(&path, &sealed).map_err(|source| KmsError::Material { path: path.clone(), source })?;
        // The name of the key's own directory is durable with its parent.
        File::open(&self.dir).and_then(|dir| dir.sync_all()).map_err(|source| KmsError::Material { path, source })?;
        Ok(id)
    }

    pub(crate) fn get(&self, key_id: &str, material_id: &str) -> Result<DerivingKey, KmsError> {
        if let Some(found) = self.cache.read().expect("no holder panics").get(material_id) {
            return Ok(found.clone());
        }
        let path = self.path(key_id, material_id);
        let sealed = fs::read(&path).map_err(|source| KmsError::Material { path: path.clone(), source })?;
        let opened = self
            .seal
            .open(PURPOSE, &context(key_id, material_id), &sealed)
            .map_err(|source| KmsError::Sealed { path: path.clone(), source })?;
        let key = DerivingKey::from_bytes(&opened).filter(|key| name(key) == material_id);
        let key = key.ok_or(KmsError::WrongMaterial { path })?;
        let mut cache = self.cache.write().expect("no holder panics");
        if cache.len() >= CACHED_MATERIALS {
            cache.clear();
        }
        cache.insert(material_id.to_owned(), key.clone());
        Ok(key)
    }

    /// Destroys all material of a key: overwritten, removed, forgotten. Blocks.
    pub(crate) fn destroy(&self, key_id: &str, material_ids: impl Iterator<Item = String>) -> io::Result<()> {
        let mut cache = self.cache.write().expect("no holder panics");
        for id in material_ids {
            cache.remove(&id);
        }
        drop(cache);
        let dir = self.dir.join(key_id);
        match fs::read_dir(&dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
            Ok(files) => {
                for file in files {
                    shred(&file?.path())?;
                }
            }
        }
        fs::remove_dir(&dir)?;
        File::open(&self.dir)?.sync_all()
    }

    /// Destroys what crashes left behind: material that no key lists. `listed` are the materials of each key.
    pub(crate) fn sweep(&self, listed: &BTreeMap<String, BTreeSet<String>>) -> io::Result<usize> {
        let mut destroyed = 0;
        let keys = match fs::read_dir(&self.dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            keys => keys?,
        };
        for key in keys {
            let key = key?;
            let known = key.file_name().to_str().and_then(|id| listed.get(id));
            for file in fs::read_dir(key.path())? {
                let path = file?.path();
                let id = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
                let is_material = path.extension().is_some_and(|extension| extension == EXTENSION);
                if !(is_material && known.is_some_and(|known| known.contains(id))) {
                    shred(&path)?;
                    destroyed += 1;
                }
            }
            if known.is_none() {
                fs::remove_dir(key.path())?;
            }
        }
        Ok(destroyed)
    }
}

fn context<'a>(key_id: &'a str, material_id: &'a str) -> [(&'static str, &'a str); 2] {
    [("key", key_id), ("material", material_id)]
}

fn name(key: &DerivingKey) -> String {
    let text = Zeroizing::new([b"opentrail kms material id".as_slice(), key.as_bytes()].concat());
    hex::encode(digest(&SHA256, &text))
}

/// Overwrites a file before it is removed, for file systems that write in place.
fn shred(path: &Path) -> io::Result<()> {
    let length = fs::metadata(path)?.len();
    let mut file = OpenOptions::new().write(true).open(path)?;
    file.write_all(&vec![0; usize::try_from(length.min(64 * 1024)).unwrap_or(0)])?;
    file.sync_all()?;
    fs::remove_file(path)
}
