//! Answers: which status a request gets, and the bytes that go out (RFC 9110 §15,
//! RFC 9112 §4).

use std::borrow::Cow;
use std::fmt::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::request::{Head, RequestError, percent_decode};

/// What the Allow field lists: the methods that every page here supports.
const ALLOW: &str = "GET, HEAD, POST, OPTIONS";

/// Returns the status of a well-formed request: 200, 404, 405 or 501.
pub fn status_for(head: &Head<'_>) -> u16 {
    match head.method {
        "GET" | "HEAD" | "POST" | "OPTIONS" => {}
        // RFC 9110 §15.5.6: known, but not supported by this resource.
        "PUT" | "DELETE" | "CONNECT" | "TRACE" | "PATCH" => return 405,
        // RFC 9110 §9.1: unknown to the server.
        _ => return 501,
    }
    // RFC 3986 §6.2.2.2: /hell%6F is the same path as /hello.
    match percent_decode(head.path).as_deref() {
        Some(b"/" | b"/hello" | b"/about") => 200,
        Some(b"*") if head.path == "*" => 200,
        _ => 404,
    }
}

/// Returns the reason phrase of a status code (RFC 9110 §15).
pub fn reason_phrase(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        413 => "Content Too Large",
        414 => "URI Too Long",
        417 => "Expectation Failed",
        431 => "Request Header Fields Too Large",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        505 => "HTTP Version Not Supported",
        _ => "Unknown",
    }
}

/// The fields of an answer that differ from one to the next.
#[derive(Clone, Copy, Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// HEAD wants the head alone, with the length that the page would have (RFC 9110
    /// §9.3.2).
    pub is_head: bool,
    /// Whether to list the supported methods.
    pub allow: bool,
    /// What the Connection field says, if it is needed.
    pub connection: Option<&'static str>,
}

impl Answer {
    /// Answers a well-formed request.
    pub fn to(head: &Head<'_>) -> Self {
        let status = status_for(head);
        Answer {
            status,
            is_head: head.method == "HEAD",
            // RFC 9110 §15.5.6: a 405 must list them; OPTIONS asks for them.
            allow: status == 405 || head.method == "OPTIONS",
            connection: match (head.keep_alive, head.is_http_1_0) {
                (false, _) => Some("close"),
                (true, true) => Some("keep-alive"),
                (true, false) => None, // HTTP/1.1 stays open by default.
            },
        }
    }

    /// Answers a request that was not understood; the connection ends after it.
    pub fn error(status: u16, is_head: bool) -> Self {
        Answer {
            status,
            is_head,
            allow: false,
            connection: Some("close"),
        }
    }

    /// Appends the whole response to `out`: status line, fields, blank line, page.
    pub fn write(&self, out: &mut String, date: &str, page: &str) {
        // Writing to a String cannot fail.
        let _ = write!(out, "HTTP/1.1 {} ", self.status);
        out.push_str(reason_phrase(self.status));
        out.push_str("\r\nDate: ");
        out.push_str(date);
        // The page is about this one request: no cache may give it to somebody else.
        out.push_str("\r\nCache-Control: no-store");
        out.push_str("\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: ");
        let _ = write!(out, "{}", page.len());
        if self.allow {
            out.push_str("\r\nAllow: ");
            out.push_str(ALLOW);
        }
        if let Some(option) = self.connection {
            out.push_str("\r\nConnection: ");
            out.push_str(option);
        }
        out.push_str("\r\n\r\n");
        if !self.is_head {
            out.push_str(page);
        }
    }
}

// An empty icon keeps browsers from asking for /favicon.ico.
const PAGE_START: &str = "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\
    <meta charset=\"utf-8\"><link rel=\"icon\" href=\"data:,\"><title>";
const PAGE_END: &str = "</body>\n</html>\n";

/// Replaces the text in `page` by the page about a request: everything but what is
/// known only after the body.
pub fn start_page(page: &mut String, head: &Head<'_>, status: u16) {
    page.clear();
    if status == 200 && head.path == "*" {
        return; // About the server as a whole there is nothing to show.
    }
    if status != 200 {
        let sentence = match status {
            404 => "The page you requested does not exist.",
            405 => "This page does not support the method.",
            _ => "This server does not know the method.",
        };
        error_page(page, status, sentence);
        return;
    }
    page.push_str(PAGE_START);
    page.push_str("Request Info</title></head>\n<body>\n<h1>Request Info</h1>\n");
    let user_agent = match head.user_agent {
        Some(bytes) => String::from_utf8_lossy(bytes),
        None => Cow::from("Unknown"),
    };
    // RFC 9110 §8.6: the Content-Length that HEAD gets is that of the page for GET.
    let method = match head.method {
        "HEAD" => "GET",
        method => method,
    };
    push_item(page, "Method", method);
    push_item(page, "Path", head.path);
    if let Some(query) = head.query {
        push_item(page, "Query", query);
    }
    push_item(page, "Browser", &user_agent);
}

/// Ends the page that [`start_page`] began.
pub fn end_page(page: &mut String, answer: &Answer, body_len: u64) {
    if answer.status == 200 && !page.is_empty() {
        if body_len > 0 {
            push_item(page, "Body", &format!("{body_len} bytes"));
        }
        page.push_str(PAGE_END);
    }
}

/// Returns the page about the rule that a request breaks.
pub fn refusal_page(error: RequestError) -> String {
    let mut page = String::new();
    error_page(&mut page, error.status(), error.sentence());
    page
}

/// Replaces the text in `page` by an error page.
pub fn error_page(page: &mut String, status: u16, sentence: &str) {
    let reason = reason_phrase(status);
    page.clear();
    let _ = write!(
        page,
        "{PAGE_START}{status} {reason}</title></head>\n<body>\n\
         <h1>{status} {reason}</h1>\n<p>{sentence}</p>\n{PAGE_END}"
    );
}

/// Adds one line to the page. Whatever a client sends is text there and never markup.
fn push_item(page: &mut String, name: &str, value: &str) {
    page.push_str("<p><strong>");
    page.push_str(name);
    page.push_str(":</strong> ");
    for char in value.chars() {
        match char {
            '&' => page.push_str("&amp;"),
            '<' => page.push_str("&lt;"),
            '>' => page.push_str("&gt;"),
            '"' => page.push_str("&quot;"),
            '\'' => page.push_str("&#39;"),
            char => page.push(char),
        }
    }
    page.push_str("</p>\n");
}

/// The Date field's value, made once a second (RFC 9110 §6.6.1: a server with a clock
/// must send it).
#[derive(Debug, Default)]
pub struct Clock {
    second: u64,
    date: String,
}

impl Clock {
    /// Returns the time of now as `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 §5.6.7).
    pub fn date(&mut self) -> &str {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
        let second = since_epoch.map_or(0, |time| time.as_secs());
        if self.date.is_empty() || self.second != second {
            self.second = second;
            self.date = imf_date(second);
        }
        &self.date
    }
}

/// Returns a time in seconds since 1970 as an IMF-fixdate (RFC 9110 §5.6.7).
pub fn imf_date(second: u64) -> String {
    const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov",
        "Dec",
    ];
    let pick = |names: &[&'static str], index: u64| {
        usize::try_from(index)
            .ok()
            .and_then(|index| names.get(index).copied())
    };
    let days = second / 86_400;
    let (year, month, day) = civil_date(days);
    format!(
        "{}, {day:02} {} {year} {:02}:{:02}:{:02} GMT",
        pick(&WEEKDAYS, days % 7).unwrap_or_default(),
        pick(&MONTHS, month - 1).unwrap_or_default(),
        second / 3600 % 24,
        second / 60 % 60,
        second % 60,
    )
}

/// Returns year, month and day of a day since 1 January 1970. The year is counted from
/// 1 March, so that the leap day is its last (Howard Hinnant, "chrono-compatible
/// low-level date algorithms").
fn civil_date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468; // since 1 March of the year 0
    let era = days / 146_097; // 400 years
    let day_of_era = days % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524
        - day_of_era / 146_096)
        / 365;
    let day_of_year =
        day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12 + 1;
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request;

    #[test]
    fn a_date_is_written_as_the_rfc_does() {
        assert_eq!(imf_date(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(imf_date(951_782_400), "Tue, 29 Feb 2000 00:00:00 GMT");
        assert_eq!(imf_date(0), "Thu, 01 Jan 1970 00:00:00 GMT");
    }

    #[test]
    fn head_gets_the_length_of_the_page_for_get() {
        let page_for = |method| {
            let request = format!("{method} /hello HTTP/1.1\r\nHost: x\r\n\r\n");
            let (head, _) = request::parse(request.as_bytes()).unwrap().unwrap();
            let mut page = String::new();
            start_page(&mut page, &head, 200);
            page
        };
        assert_eq!(page_for("HEAD"), page_for("GET"));
        assert_ne!(page_for("POST"), page_for("GET"));
    }

    #[test]
    fn what_a_client_sends_is_text_and_never_markup() {
        let mut page = String::new();
        push_item(&mut page, "Browser", "<script>alert(1)</script>\"'&");
        assert_eq!(
            page,
            "<p><strong>Browser:</strong> &lt;script&gt;alert(1)&lt;/script&gt;\
             &quot;&#39;&amp;</p>\n"
        );
    }
}
