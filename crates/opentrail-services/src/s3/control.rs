//! S3 Control: what is set for a whole account. Of it, Block Public Access.

use super::access;
use super::exchange::{CONTROL_PATH, Exchange};
use super::public_access::{AccountPublicAccessBlock, of_wire, recorded, to_wire};
use super::settings::not_set;
use super::{S3Context, fault};
use async_trait::async_trait;
use http::{Extensions, HeaderMap, Method, StatusCode, Uri};
use opentrail_storage::Staged;
use s3s::dto::PublicAccessBlockConfiguration;
use s3s::route::S3Route;
use s3s::xml::{Deserialize, Deserializer, Serialize, Serializer};
use s3s::{Body, S3Request, S3Response, S3Result};
use serde_json::Value;
use std::sync::Arc;

/// Largest body: four switches in XML.
const MAX_BODY_BYTES: usize = 64 * 1024;

/// The operations on an account.
pub struct Control(Arc<S3Context>);

impl Control {
    pub fn new(context: Arc<S3Context>) -> Self {
        Self(context)
    }

    fn kept(&self, account: &str) -> S3Result<Option<Arc<AccountPublicAccessBlock>>> {
        self.0.catalog.get::<AccountPublicAccessBlock>(account).map_err(|error| super::auth::catalog_fault(&error))
    }

    fn get(&self, account: &str) -> S3Result<S3Response<Body>> {
        let missing = || not_set("NoSuchPublicAccessBlockConfiguration", "The public access block configuration was not found");
        let block = to_wire(self.kept(account)?.ok_or_else(missing)?.block);
        let mut xml = Vec::new();
        let mut serializer = Serializer::new(&mut xml);
        let written = serializer.decl().and_then(|()| block.serialize(&mut serializer));
        written.map_err(|error| {
            tracing::error!(?error, "an answer could not be written");
            fault::internal()
        })?;
        let mut response = S3Response::new(Body::from(xml));
        response.headers.insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static("application/xml"));
        Ok(response)
    }

    async fn put(&self, exchange: &Exchange, account: &str, body: Body) -> S3Result<S3Response<Body>> {
        let bytes = whole(body).await?;
        let mut deserializer = Deserializer::new(&bytes);
        let parsed = PublicAccessBlockConfiguration::deserialize(&mut deserializer);
        let block = of_wire(&parsed.map_err(|_| fault::malformed_xml())?);
        exchange.add_parameter("PublicAccessBlockConfiguration", recorded(block));
        let mut staged = Staged::default();
        staged.changes.put(&AccountPublicAccessBlock { account: account.to_owned(), block });
        exchange.commit(staged, &[], Value::Null).await?;
        Ok(S3Response::with_status(Body::empty(), StatusCode::CREATED))
    }

    async fn delete(&self, exchange: &Exchange, account: &str) -> S3Result<S3Response<Body>> {
        let mut staged = Staged::default();
        staged.changes.delete::<AccountPublicAccessBlock>(account);
        exchange.commit(staged, &[], Value::Null).await?;
        Ok(S3Response::with_status(Body::empty(), StatusCode::NO_CONTENT))
    }
}

async fn whole(mut body: Body) -> S3Result<Vec<u8>> {
    use futures::StreamExt;
    let mut bytes = Vec::new();
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(|_| fault::custom("IncompleteBody", 400, "The request body terminated unexpectedly"))?;
        if bytes.len() + chunk.len() > MAX_BODY_BYTES {
            return Err(fault::malformed_xml());
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

#[async_trait]
impl S3Route for Control {
    fn is_match(&self, _method: &Method, uri: &Uri, _headers: &HeaderMap, _extensions: &mut Extensions) -> bool {
        uri.path() == CONTROL_PATH
    }

    async fn check_access(&self, req: &mut S3Request<Body>) -> S3Result<()> {
        let exchange = Exchange::of(&req.extensions)?;
        let access_key = req.credentials.as_ref().map(|credentials| credentials.access_key.as_str());
        access::identify(&self.0, &exchange, access_key)?;
        let account = exchange.header("x-amz-account-id").unwrap_or("");
        if exchange.call_now().caller.account() != Some(account) {
            return Err(fault::access_denied());
        }
        access::permit(&exchange, exchange.operation().action, None, "*")
    }

    async fn call(&self, req: S3Request<Body>) -> S3Result<S3Response<Body>> {
        let exchange = Exchange::of(&req.extensions)?;
        let account = exchange.header("x-amz-account-id").unwrap_or("").to_owned();
        match req.method {
            Method::GET => self.get(&account),
            Method::PUT => self.put(&exchange, &account, req.input).await,
            Method::DELETE => self.delete(&exchange, &account).await,
            _ => Err(fault::custom("MethodNotAllowed", 405, "The specified method is not allowed against this resource.")),
        }
    }
}
