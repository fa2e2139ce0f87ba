//! `http` URLs: taking them apart, and following a relative reference (RFC 3986).

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

/// An `http` URL, as far as a request needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    /// Name or address; an IPv6 address without its brackets.
    pub host: String,
    /// 80 if the URL names none.
    pub port: u16,
    /// The path with the query: at least `/`. This goes into the request line.
    pub target: String,
}

/// Why a text is no URL that can be fetched here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UrlError {
    /// The scheme is https.
    Https,
    /// Another scheme than http.
    Scheme(String),
    /// A user name before the host (RFC 9110 §4.2.4: a trap for the reader).
    UserInfo,
    /// No host, or one with characters that no host has.
    Host,
    /// The port is no number from 1 to 65535.
    Port,
    /// A space or control character: it would break the request line.
    Character,
}

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UrlError::Https => write!(
                f,
                "https needs TLS, which is chapter 10: see cargo run -p tls_client"
            ),
            UrlError::Scheme(scheme) => {
                write!(f, "only http:// URLs can be fetched, not {scheme:?}")
            }
            UrlError::UserInfo => write!(f, "a URL with a user name is not accepted"),
            UrlError::Host => {
                write!(f, "the URL has no valid host: http://HOST:PORT/PATH")
            }
            UrlError::Port => {
                write!(f, "the port of the URL is no number from 1 to 65535")
            }
            UrlError::Character => {
                write!(
                    f,
                    "the URL holds a space or control character: write it as %20"
                )
            }
        }
    }
}

impl std::error::Error for UrlError {}

impl FromStr for Url {
    type Err = UrlError;

    /// Takes a URL apart; one without a scheme is taken as http, as curl does.
    fn from_str(text: &str) -> Result<Self, UrlError> {
        if text.chars().any(|char| char.is_control() || char == ' ') {
            return Err(UrlError::Character);
        }
        let rest = match split_scheme(text) {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => {
                rest.strip_prefix("//").ok_or(UrlError::Host)?
            }
            Some((scheme, _)) if scheme.eq_ignore_ascii_case("https") => {
                return Err(UrlError::Https);
            }
            Some((scheme, rest)) if rest.starts_with("//") => {
                return Err(UrlError::Scheme(scheme.to_owned()));
            }
            _ => text, // localhost:8000/path
        };
        // RFC 3986 §3.2: the authority ends at the first slash, ? or #.
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(end);
        let (host, port) = parse_authority(authority)?;
        Ok(Url {
            host,
            port,
            target: request_target(target),
        })
    }
}

/// RFC 3986 §3.1: a letter, then letters, digits, plus, minus, dot, then a colon.
fn split_scheme(text: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = text.split_once(':')?;
    let starts_with_letter = scheme.starts_with(|char: char| char.is_ascii_alphabetic());
    let legal = |char: char| char.is_ascii_alphanumeric() || "+-.".contains(char);
    (starts_with_letter && scheme.chars().all(legal)).then_some((scheme, rest))
}

fn parse_authority(authority: &str) -> Result<(String, u16), UrlError> {
    if authority.contains('@') {
        return Err(UrlError::UserInfo);
    }
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest.split_once(']').ok_or(UrlError::Host)?;
            let address: Ipv6Addr = address.parse().map_err(|_| UrlError::Host)?;
            (address.to_string(), port)
        }
        None => {
            let end = authority.find(':').unwrap_or(authority.len());
            let (host, port) = authority.split_at(end);
            let legal =
                |char: char| char.is_ascii_alphanumeric() || "-._~".contains(char);
            if host.is_empty() || !host.chars().all(legal) {
                return Err(UrlError::Host);
            }
            (host.to_owned(), port)
        }
    };
    let port = match port.strip_prefix(':') {
        None if port.is_empty() => 80,
        None => return Err(UrlError::Host),
        Some("") => 80, // RFC 3986 §3.2.3: an empty port is the default one.
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            match digits.parse() {
                Ok(port) if port > 0 => port,
                _ => return Err(UrlError::Port),
            }
        }
        Some(_) => return Err(UrlError::Port),
    };
    Ok((host, port))
}

/// Returns what follows the authority as a request target: no fragment (it stays with
/// the reader, RFC 9110 §4.2.5), at least a slash, no dot segments, ASCII alone.
fn request_target(text: &str) -> String {
    let text = text.split('#').next().unwrap_or_default();
    let (path, query) = split_query(text);
    let mut target = String::with_capacity(text.len() + 1);
    push_encoded(&mut target, &remove_dot_segments(path));
    if let Some(query) = query {
        target.push('?');
        push_encoded(&mut target, query);
    }
    target
}

fn push_encoded(target: &mut String, text: &str) {
    for byte in text.bytes() {
        match byte {
            b'!'..=b'~' => target.push(char::from(byte)),
            _ => target.push_str(&format!("%{byte:02X}")),
        }
    }
}

impl Url {
    /// Returns host and port as the Host field has them: port 80 is left out (RFC 9110
    /// §7.2).
    pub fn authority(&self) -> String {
        let host = match self.host.contains(':') {
            true => format!("[{}]", self.host),
            false => self.host.clone(),
        };
        match self.port {
            80 => host,
            port => format!("{host}:{port}"),
        }
    }

    /// Returns the URL that a reference in a page or a Location field means (RFC 3986
    /// §5.2.2).
    ///
    /// # Errors
    ///
    /// When it leads to something that cannot be fetched.
    pub fn join(&self, reference: &str) -> Result<Url, UrlError> {
        // Servers forget to encode spaces in Location; browsers and curl do it for them.
        let reference = reference.replace(' ', "%20");
        let reference = reference.as_str();
        if reference.chars().any(char::is_control) {
            return Err(UrlError::Character);
        }
        let scheme =
            split_scheme(reference).map(|(scheme, _)| scheme.to_ascii_lowercase());
        match scheme.as_deref() {
            Some("http" | "https") => return reference.parse(),
            Some(scheme) => return Err(UrlError::Scheme(scheme.to_owned())),
            None => {}
        }
        if let Some(rest) = reference.strip_prefix("//") {
            return format!("http://{rest}").parse();
        }
        let reference = reference.split('#').next().unwrap_or_default();
        let (base_path, _) = split_query(&self.target);
        let (path, query) = split_query(reference);
        let target = match path {
            "" if query.is_none() => self.target.clone(),
            "" => format!("{base_path}?{}", query.unwrap_or_default()),
            _ => {
                let merged = match path.starts_with('/') {
                    true => path.to_owned(),
                    // §5.2.3: everything after the last slash is replaced.
                    false => {
                        let folder =
                            base_path.rfind('/').and_then(|at| base_path.get(..=at));
                        format!("{}{path}", folder.unwrap_or("/"))
                    }
                };
                match query {
                    Some(query) => format!("{merged}?{query}"),
                    None => merged,
                }
            }
        };
        Ok(Url {
            target: request_target(&target),
            ..self.clone()
        })
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}{}", self.authority(), self.target)
    }
}

fn split_query(target: &str) -> (&str, Option<&str>) {
    match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    }
}

/// RFC 3986 §5.2.4: `.` stays in its folder, `..` leaves it, and nothing leaves the root.
fn remove_dot_segments(path: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    let mut ends_in_folder = false;
    for segment in path.split('/').skip(1) {
        ends_in_folder = matches!(segment, "." | "..");
        match segment {
            "." => {}
            ".." => drop(segments.pop()),
            segment => segments.push(segment),
        }
    }
    let mut path = format!("/{}", segments.join("/"));
    if ends_in_folder && !path.ends_with('/') {
        path.push('/');
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        text.parse().unwrap()
    }

    #[test]
    fn a_url_has_a_host_a_port_and_a_target() {
        for (text, host, port, target) in [
            ("http://h", "h", 80, "/"),
            ("HTTP://h:8000", "h", 8000, "/"),
            ("http://h:/a?b#c", "h", 80, "/a?b"),
            ("http://h?b", "h", 80, "/?b"),
            ("http://h#c", "h", 80, "/"),
            ("http://[::1]:8000/a", "::1", 8000, "/a"),
            ("localhost:8000/a", "localhost", 8000, "/a"),
            ("127.0.0.1:8000", "127.0.0.1", 8000, "/"),
            ("h/a:b", "h", 80, "/a:b"),
            ("http://h/é", "h", 80, "/%C3%A9"),
            ("http://h/a/../echo", "h", 80, "/echo"),
            ("h/./a/..?b/../c#d", "h", 80, "/?b/../c"),
        ] {
            let url = url(text);
            assert_eq!(
                (&*url.host, url.port, &*url.target),
                (host, port, target),
                "{text}"
            );
        }
    }

    #[test]
    fn what_cannot_be_fetched_says_why() {
        use UrlError::*;
        for (text, error) in [
            ("https://h/", Https),
            ("ftp://h/", Scheme("ftp".to_owned())),
            ("http://user:pw@h/", UserInfo),
            ("http://", Host),
            ("http:///a", Host),
            ("http:a", Host),
            ("", Host),
            ("http://[::1/", Host),
            ("http://[::1]x/", Host),
            ("http://h:0/", Port),
            ("http://h:65536/", Port),
            ("http://h:+8/", Port),
            ("http://h:x/", Port),
            ("http://h/a b", Character),
            ("http://h/\r\nX: y", Character),
        ] {
            assert_eq!(text.parse::<Url>(), Err(error), "{text}");
        }
    }

    #[test]
    fn the_host_field_leaves_port_80_out() {
        assert_eq!(url("http://h:80/").authority(), "h");
        assert_eq!(url("http://[::1]:81/").authority(), "[::1]:81");
    }

    #[test]
    fn references_resolve_as_in_the_rfc() {
        // RFC 3986 §5.4, the base without its parameter.
        let base = url("http://a/b/c/d;p?q");
        for (reference, target) in [
            ("g", "/b/c/g"),
            ("./g", "/b/c/g"),
            ("g/", "/b/c/g/"),
            ("/g", "/g"),
            ("?y", "/b/c/d;p?y"),
            ("g?y", "/b/c/g?y"),
            ("#s", "/b/c/d;p?q"),
            ("g?y#s", "/b/c/g?y"),
            ("", "/b/c/d;p?q"),
            (".", "/b/c/"),
            ("..", "/b/"),
            ("../g", "/b/g"),
            ("../..", "/"),
            ("../../../g", "/g"),
            ("/./g", "/g"),
            ("/../g", "/g"),
            ("g.", "/b/c/g."),
            ("./../g", "/b/g"),
            ("./g/.", "/b/c/g/"),
            ("g;x=1/../y", "/b/c/y"),
        ] {
            assert_eq!(
                base.join(reference).unwrap().target,
                target,
                "{reference:?}"
            );
        }
        assert_eq!(base.join("//g:81/x").unwrap(), url("http://g:81/x"));
        assert_eq!(base.join("//g/a/../b").unwrap().target, "/b");
        assert_eq!(base.join("http://g/a/./b").unwrap().target, "/a/b");
        assert_eq!(base.join("g h").unwrap().target, "/b/c/g%20h");
        assert_eq!(base.join("http://g/h i").unwrap().target, "/h%20i");
        assert_eq!(base.join("//g h/"), Err(UrlError::Host));
        assert_eq!(base.join("/g\th"), Err(UrlError::Character));
        assert_eq!(base.join("http://g").unwrap(), url("http://g/"));
        assert_eq!(base.join("https://g/"), Err(UrlError::Https));
        assert_eq!(base.join("g:h"), Err(UrlError::Scheme("g".to_owned())));
    }
}
