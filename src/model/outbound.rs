//! A request that leaves the hub and its answer, as values: pure rooms build the one and judge the
//! other, the network lives elsewhere.

/// One HTTP request to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboundRequest {
    /// `GET` or `POST`.
    pub method: &'static str,
    pub url: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboundResponse {
    /// HTTP status.
    pub status: u16,
    /// `Retry-After`, seconds.
    pub retry_after_s: Option<u32>,
    pub body: Vec<u8>,
}
