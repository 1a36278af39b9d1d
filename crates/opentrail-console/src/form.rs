//! What a query string or a form says.

use form_urlencoded::Serializer;

/// Most parameters that are looked at.
const MAX_PAIRS: usize = 2_000;

/// Names and values in order. Names can occur several times.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Form(Vec<(String, String)>);

impl Form {
    pub fn parse(text: &[u8]) -> Self {
        Self(form_urlencoded::parse(text).take(MAX_PAIRS).map(|(name, value)| (name.into_owned(), value.into_owned())).collect())
    }

    /// The first value of this name, trimmed, if there is one that is not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.raw(name).map(str::trim).filter(|value| !value.is_empty())
    }

    /// The first value of this name, as it was given: for passwords.
    pub fn raw(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    /// Likewise; empty if there is none.
    pub fn text(&self, name: &str) -> &str {
        self.get(name).unwrap_or_default()
    }

    /// All values of this name that are not empty.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(given, value)| given == name && !value.trim().is_empty()).map(|(_, value)| value.trim())
    }

    /// Whether a box of this name is ticked.
    pub fn is_ticked(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// With this parameter set, or removed by an empty value.
    #[must_use]
    pub fn with(&self, name: &str, value: &str) -> Self {
        let mut pairs: Vec<_> = self.0.iter().filter(|(given, _)| given != name).cloned().collect();
        if !value.is_empty() {
            pairs.push((name.to_owned(), value.to_owned()));
        }
        Self(pairs)
    }

    /// With lines ended as Unix has it: browsers send texts of several lines with carriage returns.
    #[must_use]
    pub fn with_plain_lines(&self) -> Self {
        Self(self.0.iter().map(|(name, value)| (name.clone(), value.replace("\r\n", "\n"))).collect())
    }

    pub fn pairs(&self) -> &[(String, String)] {
        &self.0
    }
}

/// A query string of these parameters, empty ones left out.
pub fn query_of(pairs: &[(&str, &str)]) -> String {
    Serializer::new(String::new()).extend_pairs(pairs.iter().filter(|(_, value)| !value.is_empty())).finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_read_and_written() {
        let form = Form::parse(b"q=a%20b&tag=x&tag=y&empty=&password=+p+");
        assert_eq!((form.get("q"), form.get("empty"), form.get("none")), (Some("a b"), None, None));
        assert_eq!(form.raw("password"), Some(" p "));
        assert_eq!(form.all("tag").collect::<Vec<_>>(), ["x", "y"]);
        assert_eq!((form.with("q", "&").get("q"), form.with("q", "").get("q")), (Some("&"), None));
        assert_eq!(query_of(&[("q", "&"), ("none", "")]), "q=%26");
        assert_eq!(Form::parse(b"%ff=%00&&=").pairs().len(), 2);
    }
}
