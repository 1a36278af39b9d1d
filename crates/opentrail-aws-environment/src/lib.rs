//! Endpoint, region and credentials as the AWS command line finds them. `object_store` reads no credentials file.
//!
//! ```text
//! variables ▸ config file ▸ credentials file ──▶ AwsSettings ──apply──▶ a client of a bucket
//! ```
//!
//! Does not know: what is read from the bucket, retries, time limits.
//!
//! Does not promise: web identity and container credentials; those variables are `object_store`'s to read.

use object_store::aws::AmazonS3Builder;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Why the environment names nothing that can be used. The caller has to set it right.
#[derive(Debug, thiserror::Error)]
pub enum EnvironmentError {
    #[error("no credentials for {wanted}: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or AWS_SHARED_CREDENTIALS_FILE")]
    NoCredentials { wanted: String },
    #[error("reading credentials file {}", path.display())]
    CredentialsFile { path: PathBuf, source: std::io::Error },
}

/// Settings found in the environment; what is absent is left to `object_store`.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct AwsSettings {
    pub endpoint: Option<String>,
    pub region: Option<String>,
    pub credentials: Option<Credentials>,
}

#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    pub access_key_id: String,
    pub secret_access_key: String,
    pub session_token: Option<String>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("access_key_id", &self.access_key_id).finish_non_exhaustive()
    }
}

/// Variables by which `object_store` itself finds credentials.
const OTHER_PROVIDERS: [&str; 3] =
    ["AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"];

impl AwsSettings {
    /// For a bucket: the endpoint is S3's.
    pub fn from_environment(bucket: &str) -> Result<Self, EnvironmentError> {
        Self::of_service("S3", &format!("s3://{bucket}"))
    }

    /// For a service by its name in variables, such as `SQS`: `AWS_ENDPOINT_URL_SQS` before `AWS_ENDPOINT_URL`.
    pub fn for_service(service: &str) -> Result<Self, EnvironmentError> {
        Self::of_service(service, service)
    }

    fn of_service(service: &str, wanted: &str) -> Result<Self, EnvironmentError> {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let mut settings = Self::from_variables(service, &variable);
        let profile = variable("AWS_PROFILE").unwrap_or_else(|| "default".to_owned());
        if let Some(path) = shared_file(&variable, "AWS_CONFIG_FILE", ".aws/config") {
            settings.add_config(&read_shared(&path)?, &profile);
        }
        if settings.credentials.is_some() {
            return Ok(settings);
        }
        if let Some(path) = shared_file(&variable, "AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials") {
            settings.credentials = parse_profile(&read_shared(&path)?, &profile);
        }
        // With an endpoint of one's own there is no instance metadata service to ask; asking would only hang.
        let other_provider = OTHER_PROVIDERS.iter().any(|name| variable(name).is_some());
        if settings.credentials.is_none() && settings.endpoint.is_some() && !other_provider {
            return Err(EnvironmentError::NoCredentials { wanted: wanted.to_owned() });
        }
        Ok(settings)
    }

    /// `builder` with these settings, for a bucket that is addressed by path.
    ///
    /// Begin with `AmazonS3Builder::from_env()`: the rest of the variables (web identity, container credentials) is
    /// `object_store`'s to read. Client options come before, because plain http is one of them and is set here.
    pub fn apply(&self, builder: AmazonS3Builder, bucket: &str) -> AmazonS3Builder {
        let mut builder = builder.with_bucket_name(bucket).with_virtual_hosted_style_request(false);
        if let Some(endpoint) = &self.endpoint {
            builder = builder.with_endpoint(endpoint).with_allow_http(endpoint.starts_with("http://"));
        }
        if let Some(region) = &self.region {
            builder = builder.with_region(region);
        }
        if let Some(credentials) = &self.credentials {
            builder =
                builder.with_access_key_id(&credentials.access_key_id).with_secret_access_key(&credentials.secret_access_key);
            if let Some(token) = &credentials.session_token {
                builder = builder.with_token(token);
            }
        }
        builder
    }

    /// Fills what the variables left open from the text of a config file.
    fn add_config(&mut self, text: &str, profile: &str) {
        let name = if profile == "default" { profile.to_owned() } else { format!("profile {profile}") };
        let mut fields = section(text, &name);
        self.region = self.region.take().or_else(|| fields.remove("region"));
        self.endpoint = self.endpoint.take().or_else(|| fields.remove("endpoint_url"));
    }

    fn from_variables(service: &str, variable: &dyn Fn(&str) -> Option<String>) -> Self {
        let credentials = variable("AWS_ACCESS_KEY_ID").zip(variable("AWS_SECRET_ACCESS_KEY"));
        Self {
            endpoint: variable(&format!("AWS_ENDPOINT_URL_{service}")).or_else(|| variable("AWS_ENDPOINT_URL")),
            region: variable("AWS_REGION").or_else(|| variable("AWS_DEFAULT_REGION")),
            credentials: credentials.map(|(access_key_id, secret_access_key)| Credentials {
                access_key_id,
                secret_access_key,
                session_token: variable("AWS_SESSION_TOKEN"),
            }),
        }
    }
}

/// The shared file that a variable names, or the one in the home folder.
fn shared_file(variable: &dyn Fn(&str) -> Option<String>, name: &str, in_home: &str) -> Option<PathBuf> {
    let named = variable(name).map(PathBuf::from);
    named.or_else(|| Some(Path::new(&variable("HOME")?).join(in_home)))
}

/// The text of a shared file; empty if there is none.
fn read_shared(path: &Path) -> Result<String, EnvironmentError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        Err(source) => Err(EnvironmentError::CredentialsFile { path: path.to_owned(), source }),
    }
}

/// The fields of one section.
fn section(text: &str, wanted: &str) -> BTreeMap<String, String> {
    let mut fields = BTreeMap::new();
    let mut inside = false;
    for line in text.lines() {
        // Indented lines belong to a nested setting, such as `s3 =`.
        if line.starts_with(char::is_whitespace) && !line.trim_start().starts_with('[') {
            continue;
        }
        let line = line.trim();
        if line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            inside = name.trim() == wanted;
        } else if inside && let Some((name, value)) = line.split_once('=') {
            fields.insert(name.trim().to_ascii_lowercase(), value.trim().to_owned());
        }
    }
    fields
}

/// The credentials of one `[profile]` of a shared credentials file.
fn parse_profile(text: &str, profile: &str) -> Option<Credentials> {
    let mut fields = section(text, profile);
    Some(Credentials {
        access_key_id: fields.remove("aws_access_key_id")?,
        secret_access_key: fields.remove("aws_secret_access_key")?,
        session_token: fields.remove("aws_session_token"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_are_read_from_the_shared_file() {
        let text =
            "# c\n[other]\naws_access_key_id = o\n\n[ default ]\naws_access_key_id=k\n; c\naws_secret_access_key = s=1\n[x]\n";
        let credentials = parse_profile(text, "default").expect("complete");
        assert_eq!((credentials.access_key_id.as_str(), credentials.secret_access_key.as_str()), ("k", "s=1"));
        assert_eq!(credentials.session_token, None);
        assert_eq!(parse_profile(text, "other"), None);
        assert_eq!(parse_profile(text, "absent"), None);
        assert!(!format!("{credentials:?}").contains("s=1"));
    }

    #[test]
    fn the_config_file_fills_what_is_open() {
        let text = "[default]\nregion = eu-west-1\ns3 =\n  region = x\n[profile p]\nregion=us-east-2\nendpoint_url = http://c\n";
        let mut settings = AwsSettings::default();
        settings.add_config(text, "p");
        assert_eq!((settings.region.as_deref(), settings.endpoint.as_deref()), (Some("us-east-2"), Some("http://c")));
        settings.add_config(text, "default");
        assert_eq!(settings.region.as_deref(), Some("us-east-2"));
        let mut settings = AwsSettings::default();
        settings.add_config(text, "default");
        assert_eq!(settings.region.as_deref(), Some("eu-west-1"));
    }

    #[test]
    fn the_narrower_variable_wins() {
        let variables = [("AWS_ENDPOINT_URL", "http://a"), ("AWS_ENDPOINT_URL_S3", "http://b"), ("AWS_DEFAULT_REGION", "r")];
        let variable = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        let expect = AwsSettings { endpoint: Some("http://b".into()), region: Some("r".into()), credentials: None };
        assert_eq!(AwsSettings::from_variables("S3", &variable), expect);
    }
}
