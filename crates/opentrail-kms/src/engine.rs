//! Finding keys and using them.

use crate::access;
use crate::aws_managed;
use crate::context::EncryptionContext;
use crate::entity::{Alias, Key};
use crate::envelope::Envelope;
use crate::error::KmsError;
use crate::key_ref::{KeyName, KeyRef};
use crate::material::Materials;
use opentrail_catalog::{Catalog, NamedLock};
use opentrail_policy::RequestContext;
use opentrail_seal::{DerivingKey, Seal};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use zeroize::Zeroizing;

const LABEL: &[u8] = b"opentrail-kms-1";

/// All keys. Cheap to clone.
#[derive(Clone)]
pub struct Kms {
    pub(crate) catalog: Catalog,
    materials: Arc<Materials>,
}

/// A key to encrypt data with, in the clear and under the key that made it.
pub struct DataKey {
    pub plaintext: Zeroizing<Vec<u8>>,
    pub ciphertext: Vec<u8>,
    pub material_id: String,
}

/// What a ciphertext held.
pub struct Decrypted {
    pub plaintext: Zeroizing<Vec<u8>>,
    pub material_id: String,
}

impl Kms {
    /// Keys of this catalog, their material below `dir`.
    pub fn new(dir: &Path, catalog: Catalog, seal: Arc<Seal>) -> Self {
        Self { catalog, materials: Arc::new(Materials::new(dir, seal)) }
    }

    /// The key that is named, whatever its state.
    ///
    /// # Errors
    /// [`KmsError::NotFound`], or if the catalog fails.
    pub fn find(&self, name: &KeyRef) -> Result<Arc<Key>, KmsError> {
        let id = match &name.name {
            KeyName::Id(id) => id.clone(),
            KeyName::Alias(alias) => {
                let alias: Option<Arc<Alias>> = self.catalog.get(&Alias::key_of(&name.account, &name.region, alias))?;
                alias.ok_or_else(|| KmsError::NotFound(format!("Alias {} is not found.", name.arn())))?.key_id.clone()
            }
        };
        let key = self.catalog.get(&Key::key_of(&name.account, &name.region, &id))?;
        key.ok_or_else(|| {
            let arn = crate::entity::key_arn(&name.region, &name.account, &id);
            KmsError::NotFound(format!("Key '{arn}' does not exist"))
        })
    }

    /// The key with this ARN, whatever its region.
    ///
    /// # Errors
    /// [`KmsError::NotFound`], [`KmsError::InvalidArn`], or if the catalog fails.
    pub fn find_arn(&self, arn: &str) -> Result<Arc<Key>, KmsError> {
        let region = arn.split(':').nth(3).unwrap_or_default();
        self.find(&KeyRef::parse(arn, "", region)?)
    }

    /// The key named, or, for `alias/aws/…` that is not there yet, the one that is made for it now.
    ///
    /// # Errors
    /// As [`Self::find`]; if the key cannot be made.
    pub async fn find_or_make_aws_managed(
        &self,
        intake: &opentrail_eventlog::Intake,
        name: &KeyRef,
    ) -> Result<Arc<Key>, KmsError> {
        match self.find(name) {
            Err(KmsError::NotFound(message)) => match &name.name {
                KeyName::Alias(alias) => match alias.strip_prefix(aws_managed::AWS_ALIAS_PREFIX) {
                    Some(service) => aws_managed::make(self, intake, name, service).await?.ok_or(KmsError::NotFound(message)),
                    None => Err(KmsError::NotFound(message)),
                },
                KeyName::Id(_) => Err(KmsError::NotFound(message)),
            },
            found => found,
        }
    }

    /// Waits for the right to change keys and aliases of an account in a region.
    pub async fn lock(&self, account: &str, region: &str) -> NamedLock {
        self.catalog.lock(&format!("kms {account} {region}")).await
    }

    /// Makes material for a key. Durable; the caller adds its id to the key.
    ///
    /// # Errors
    /// If it cannot be written.
    pub async fn create_material(&self, key_id: &str) -> Result<String, KmsError> {
        let (materials, key_id) = (Arc::clone(&self.materials), key_id.to_owned());
        let made = tokio::task::spawn_blocking(move || materials.create(&key_id)).await;
        made.unwrap_or_else(|error| Err(KmsError::Material { path: "".into(), source: std::io::Error::other(error) }))
    }

    /// Destroys the material of a key that is no longer in the catalog.
    pub(crate) async fn destroy_material(&self, key: &Key) -> std::io::Result<()> {
        let materials = Arc::clone(&self.materials);
        let (id, all) = (key.id.clone(), key.materials.clone());
        let done = tokio::task::spawn_blocking(move || materials.destroy(&id, all.into_iter().map(|one| one.id))).await;
        done.unwrap_or_else(|error| Err(std::io::Error::other(error)))
    }

    /// Destroys material that no key lists. Blocks; to be called before keys are made.
    ///
    /// # Errors
    /// If the catalog or the directory cannot be read.
    pub fn sweep(&self) -> Result<usize, KmsError> {
        let mut listed: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for key in self.catalog.list::<Key>("")? {
            listed.entry(key.id).or_default().extend(key.materials.into_iter().map(|material| material.id));
        }
        self.materials.sweep(&listed).map_err(|source| KmsError::Material { path: "keys/kms".into(), source })
    }

    /// Encrypts under the newest material of a key.
    ///
    /// # Errors
    /// If the key cannot be used in its state, or its material is not there.
    pub fn encrypt(&self, key: &Key, context: &EncryptionContext, plaintext: &[u8]) -> Result<Vec<u8>, KmsError> {
        key.usable()?;
        let mut blob = Envelope::header_of(key);
        let mut additional = blob.clone();
        context.append_to(&mut additional);
        let material = self.materials.get(&key.id, &key.newest().id)?;
        blob.extend_from_slice(&material.encrypt(LABEL, &additional, plaintext));
        Ok(blob)
    }

    /// Makes a data key of this many bytes.
    ///
    /// # Errors
    /// As [`Self::encrypt`].
    pub fn generate_data_key(&self, key: &Key, context: &EncryptionContext, bytes: usize) -> Result<DataKey, KmsError> {
        let mut plaintext = Zeroizing::new(vec![0; bytes]);
        aws_lc_rs::rand::fill(&mut plaintext).expect("the system's random generator works");
        let ciphertext = self.encrypt(key, context, &plaintext)?;
        Ok(DataKey { plaintext, ciphertext, material_id: key.newest().id.clone() })
    }

    /// Decrypts what any material of this key encrypted.
    ///
    /// # Errors
    /// [`KmsError::IncorrectKey`] if the envelope names another key, [`KmsError::InvalidCiphertext`], or as
    /// [`Self::encrypt`].
    pub fn decrypt(&self, key: &Key, context: &EncryptionContext, envelope: &Envelope<'_>) -> Result<Decrypted, KmsError> {
        key.usable()?;
        if envelope.key_arn != key.arn() {
            return Err(KmsError::IncorrectKey);
        }
        if !key.materials.iter().any(|material| material.id == envelope.material_id) {
            return Err(KmsError::InvalidCiphertext);
        }
        let material: DerivingKey = self.materials.get(&key.id, &envelope.material_id)?;
        let mut additional = envelope.header.to_vec();
        context.append_to(&mut additional);
        let plaintext = material.decrypt(LABEL, &additional, envelope.message).ok_or(KmsError::InvalidCiphertext)?;
        Ok(Decrypted { plaintext, material_id: envelope.material_id.clone() })
    }

    /// Whether the policy of a key lets a service of ours do this by itself.
    ///
    /// # Errors
    /// [`KmsError::AccessDenied`].
    pub fn permit_service(
        &self,
        key: &Key,
        caller: &access::ServiceCaller,
        action: &str,
        context: &EncryptionContext,
    ) -> Result<(), KmsError> {
        access::permit_service(key, caller, action, access::condition_keys(RequestContext::new(), key, Some(context)))
    }
}
