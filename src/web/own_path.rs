//! The way from a site's own domain to the hub, as people copy it: a tag, and what a web server
//! needs to pass a path on. Nothing but the site's script and its messages goes through, and of the
//! visitor's cookies only the hub's own.

use crate::hub::{own_path, visitor_cookie};
use askama::Template;
use url::Url;

/// What is shown of one site.
#[derive(Clone, Debug)]
pub struct OwnPath {
    /// HTML, for the head of each page.
    pub tag: String,
    pub servers: [WebServer; 3],
}

/// A web server and its snippet.
#[derive(Clone, Debug)]
pub struct WebServer {
    /// As its makers write it.
    pub title: &'static str,
    /// Part of ids on the page.
    pub word: &'static str,
    pub text: String,
}

impl OwnPath {
    /// `hits_url` is where hits of the site are sent, `https://hub.example.com/t/KEY`.
    pub fn new(key: &str, hits_url: &str) -> Self {
        let of = Way::new(key, hits_url);
        Self {
            tag: format!(r#"<script async src="{}{}.js"></script>"#, of.path, of.key),
            servers: [
                server("nginx", "nginx", &Nginx { of: &of }),
                server("Apache", "apache", &Apache { of: &of }),
                server("Caddy", "caddy", &Caddy { of: &of }),
            ],
        }
    }
}

fn server(title: &'static str, word: &'static str, snippet: &impl Template) -> WebServer {
    let text = snippet.render().expect("a text takes what is written");
    WebServer { title, word, text }
}

/// From where to where.
struct Way<'a> {
    key: &'a str,
    /// On the site, without the key.
    path: String,
    /// The one cookie that the hub needs.
    cookie: String,
    hits_url: &'a str,
    /// `https://hub.example.com`
    hub: String,
    /// On the hub, without the key.
    hub_path: String,
    is_tls: bool,
}

impl<'a> Way<'a> {
    fn new(key: &'a str, hits_url: &'a str) -> Self {
        let url: Url = hits_url.parse().expect("the public address is one");
        Self {
            key,
            path: own_path(key),
            cookie: visitor_cookie(key),
            hits_url,
            hub: url.origin().ascii_serialization(),
            hub_path: url.path().trim_end_matches(key).to_owned(),
            is_tls: url.scheme() == "https",
        }
    }
}

#[derive(Template)]
#[template(path = "own_path/nginx.conf", escape = "none")]
struct Nginx<'a> {
    of: &'a Way<'a>,
}

#[derive(Template)]
#[template(path = "own_path/apache.conf", escape = "none")]
struct Apache<'a> {
    of: &'a Way<'a>,
}

#[derive(Template)]
#[template(path = "own_path/Caddyfile", escape = "none")]
struct Caddy<'a> {
    of: &'a Way<'a>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(hits_url: &str) -> OwnPath {
        OwnPath::new("k7h2m9qwx3", hits_url)
    }

    #[test]
    fn the_documentation_shows_what_the_page_prints() {
        let docs = include_str!("../../docs/script.md");
        let shown = shown("https://hub.example.com/t/k7h2m9qwx3");
        assert!(docs.contains(&shown.tag), "{}", shown.tag);
        for server in shown.servers {
            let (title, text) = (server.title, server.text);
            assert!(docs.contains(text.trim_end()), "{title}:\n{text}");
        }
    }

    #[test]
    fn a_hub_below_a_path_and_without_tls_is_asked_there() {
        let [nginx, apache, caddy] = shown("http://10.0.0.5:8080/hub/t/k7h2m9qwx3").servers;
        let hits = "http://10.0.0.5:8080/hub/t/k7h2m9qwx3";
        assert!(nginx.text.contains(&format!("proxy_pass {hits};")));
        assert!(apache.text.contains(&format!("\"{hits}$1\"")));
        assert!(!apache.text.contains("SSL"));
        assert!(caddy.text.contains(" /hub/t/ 1\n"), "{}", caddy.text);
        assert!(caddy.text.contains("reverse_proxy http://10.0.0.5:8080 {"));
    }
}
