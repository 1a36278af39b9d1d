//! `/console/`: from the front's request to the console's answer.

use crate::front::{Answer, plain};
use crate::pieces::Pieces;
use crate::server::Server;
use crate::tls::TlsFacts;
use http::Request;
use hyper::body::Incoming;
use opentrail_console::{Body, Connection, answer_request};
use std::net::SocketAddr;
use std::sync::Arc;

/// Answers one request.
pub async fn answer(server: &Server, peer: SocketAddr, tls: Option<TlsFacts>, request: Request<Incoming>) -> Answer {
    let connection = Connection { source_ip: peer.ip().to_canonical().to_string(), tls, secure: server.secure };
    let answer = answer_request(Arc::clone(&server.console), connection, request).await;
    let mut response = match answer.body {
        Body::Whole(body) => plain(answer.status, body),
        Body::Pieces(pieces) => {
            let mut response = http::Response::new(s3s::Body::http_body_unsync(Pieces(pieces)));
            *response.status_mut() = answer.status;
            response
        }
    };
    *response.headers_mut() = answer.headers;
    response
}
