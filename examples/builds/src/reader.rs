//! Who a request says it comes from: a cookie that anybody may set, enough to show `/me`.

use axum::http::{HeaderMap, HeaderValue, header};

use crate::moment::Moment;

/// The user that the request's cookie names.
pub fn user(fields: &HeaderMap) -> Option<i64> {
    cookie(fields, "user")?.parse().ok()
}

/// When the same browser last asked for `/me`.
pub fn last_visit(fields: &HeaderMap) -> Option<Moment> {
    let seconds: i64 = cookie(fields, "visited")?.parse().ok()?;
    (0..=LATEST).contains(&seconds).then_some(Moment(seconds))
}

/// The `Set-Cookie` value that signs a browser in as a user.
pub fn sign_in(user: i64) -> Option<HeaderValue> {
    set("user", user)
}

/// The `Set-Cookie` value that notes a visit.
pub fn visit(at: Moment) -> Option<HeaderValue> {
    set("visited", at.0)
}

/// A path on this site to go to next; anything else is `/me`.
pub fn next(path: Option<String>) -> String {
    path.filter(|path| is_local(path)).unwrap_or_else(|| "/me".to_owned())
}

fn is_local(path: &str) -> bool {
    let plain = path.bytes().all(|byte| (0x21..0x7f).contains(&byte) && byte != b'\\');
    plain && path.starts_with('/') && !path.starts_with("//")
}

fn set(name: &str, value: i64) -> Option<HeaderValue> {
    let text = format!("{name}={value}; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax");
    HeaderValue::from_str(&text).ok()
}

fn cookie<'h>(fields: &'h HeaderMap, name: &str) -> Option<&'h str> {
    fields
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(found, value)| (found == name).then_some(value))
}

/// The end of the year 9999.
const LATEST: i64 = 253_402_300_799;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_are_found_by_their_whole_name() {
        let mut fields = HeaderMap::new();
        fields.append(header::COOKIE, HeaderValue::from_static("superuser=9; user=7"));
        fields.append(header::COOKIE, HeaderValue::from_static("visited=12"));
        assert_eq!(user(&fields), Some(7));
        assert_eq!(last_visit(&fields), Some(Moment(12)));
        assert_eq!(user(&HeaderMap::new()), None);
    }

    #[test]
    fn no_redirect_leads_to_another_site() {
        let led = |path: &str| next(Some(path.to_owned()));
        assert_eq!(led("/builds/7?page=2"), "/builds/7?page=2");
        for path in ["", "//evil.test", "/\\evil.test", "https://evil.test", "/a\r\nb", "me"] {
            assert_eq!(led(path), "/me", "{path:?}");
        }
    }
}
