//! What keeps other sites from acting in a person's name.

use http::{HeaderMap, header};

/// What is said of a form whose token does not fit.
pub const STALE_FORM: &str = "This form is not from your present session. Go back, reload the page and send it again.\n";

const FOREIGN: &str = "This form was sent by another site.\n";

/// Whether a form comes from our own pages, by what browsers say of it and pages cannot forge. One that says nothing at all
/// is refused too.
///
/// # Errors
/// What the sender is told.
pub fn same_site(headers: &HeaderMap) -> Result<(), &'static str> {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    if let Some(site) = text("sec-fetch-site") {
        return if site == "same-origin" { Ok(()) } else { Err(FOREIGN) };
    }
    let host = headers.get(header::HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let origin = text("origin").unwrap_or_default();
    let of_origin = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    if !host.is_empty() && of_origin.is_some_and(|of_origin| of_origin.eq_ignore_ascii_case(host)) {
        Ok(())
    } else {
        Err(FOREIGN)
    }
}

/// Whether a page came because a link or script of another site asked for it, so that the browser kept our cookie back.
pub fn came_from_elsewhere(headers: &HeaderMap) -> bool {
    let is = |name: &str, values: &[&str]| {
        headers.get(name).and_then(|value| value.to_str().ok()).is_some_and(|value| values.contains(&value))
    };
    is("sec-fetch-site", &["cross-site", "same-site"]) && is("sec-fetch-mode", &["navigate"])
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn check(headers: &[(&'static str, &'static str)], expect: bool) {
        let map: HeaderMap = headers
            .iter()
            .map(|(name, value)| (header::HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        assert_eq!(same_site(&map).is_ok(), expect, "{headers:?}");
    }

    #[test]
    fn forms_of_other_sites_are_told_apart() {
        check(&[("sec-fetch-site", "same-origin"), ("host", "a:1")], true);
        check(&[("host", "a:1"), ("origin", "http://a:1")], true);
        check(&[("host", "a:1"), ("origin", "https://A:1")], true);
        check(&[("sec-fetch-site", "cross-site"), ("host", "a:1"), ("origin", "http://a:1")], false);
        check(&[("sec-fetch-site", "same-site"), ("host", "a:1")], false);
        check(&[("sec-fetch-site", "none"), ("host", "a:1")], false);
        check(&[("host", "a:1"), ("origin", "http://a:2")], false);
        check(&[("host", "a:1"), ("origin", "null")], false);
        check(&[("host", "a:1")], false);
        check(&[("origin", "http://")], false);
    }
}
