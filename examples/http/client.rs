//! A client that asks one thing after another on its connection.

use std::net::SocketAddr;

use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::{Method, Request, Response, header};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

pub(crate) struct Connection {
    server: SocketAddr,
    requests: http1::SendRequest<Empty<Bytes>>,
}

impl Connection {
    pub(crate) async fn open(server: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(server).await?;
        let (requests, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // Ends with this, or the last answer. If it breaks, the reader of the answer gets the error.
        tokio::spawn(connection);
        Ok(Self { server, requests })
    }

    /// Sends a request with these headers, and waits for all of the answer.
    pub(crate) async fn fetch(
        &mut self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
    ) -> anyhow::Result<Response<Bytes>> {
        let response = self.send(method, path, headers).await?;
        let (head, body) = response.into_parts();
        let bytes = body.collect().await?.to_bytes();
        Ok(Response::from_parts(head, bytes))
    }

    /// The same, but the body is still to be read.
    pub(crate) async fn send(
        &mut self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
    ) -> anyhow::Result<Response<Incoming>> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, self.server.to_string());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Empty::<Bytes>::new())?;
        self.requests.ready().await?;
        Ok(self.requests.send_request(request).await?)
    }
}
