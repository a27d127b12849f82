//! A request and an answer as they cross the wire, without a transport.

/// An HTTP request as the provider receives it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// The method in capitals, `GET`.
    pub method: String,
    /// The path with its query, `/v1/tasks?page=1`.
    pub path: String,
    /// Header names and values; names compare without case.
    pub headers: Vec<(String, String)>,
    /// The raw body; its bytes are what an idempotency key is bound to.
    pub body: Vec<u8>,
}

impl Request {
    /// A request without headers or body.
    pub fn new(method: &str, path: &str) -> Request {
        Request { method: method.to_owned(), path: path.to_owned(), ..Request::default() }
    }

    /// The same request with one more header.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Request {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same request with this body.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Vec<u8>>) -> Request {
        self.body = body.into();
        self
    }

    /// The first value of a header; the name's case does not matter.
    pub fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }
}

/// An HTTP answer as the provider sends it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Header names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// The body; `Content-Length` is the transport's business.
    pub body: Vec<u8>,
}

impl Response {
    /// An answer with a content type.
    pub(crate) fn new(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Response {
        Response { status, headers: vec![("content-type".to_owned(), content_type.to_owned())], body: body.into() }
    }

    /// An answer that holds JSON.
    pub(crate) fn json(status: u16, body: &serde_json::Value) -> Response {
        Response::new(status, "application/json", body.to_string())
    }

    /// Adds a header, or replaces the one of that name.
    pub(crate) fn set_header(&mut self, name: &str, value: impl Into<String>) {
        self.headers.retain(|(present, _)| present != name);
        self.headers.push((name.to_owned(), value.into()));
    }

    /// The first value of a header; the name's case does not matter.
    pub fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }
}

fn find<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(present, _)| present.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

/// What the network makes of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The client receives it.
    Answer(Response),
    /// The client sees a broken connection; the server may or may not have acted.
    Lost,
    /// The client waits: the answer is due later.
    Later(Pending),
}

/// An answer that is not there yet. Take it to [`resume`](crate::World::resume) or [`collect`](crate::World::collect) at its
/// time, or to [`abandon`](crate::World::abandon) when the client leaves before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    pub(crate) ticket: u64,
    /// When to ask again, in world time: the answer is there, or another `Pending` with a later time. `None` means that
    /// nothing will end the wait but a change of settings; ask again after one.
    pub at_ms: Option<u64>,
}
