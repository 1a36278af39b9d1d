//! Names of fields, and the short names.

/// A field of a record, or a short name for several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    name: String,
    readings: Vec<Reading>,
}

/// Where values of a field stand in a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// Keys from the record inwards, joined by dots, in small letters. It names what stands there and everything below.
    /// Keys may have dots of their own and differ in the case of letters; elements of an array stand where the array does.
    pub path: String,
    pub part: Part,
}

/// How much of a text is the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Whole,
    /// What follows the first colon: the session name in `AROA…:session`.
    AfterColon,
    /// The text, if it is `Root`.
    OnlyRoot,
    /// The text, and what follows its last `/` and its last `:`: an ARN, and the name in it.
    WholeAndTail,
}

type ShortName = (&'static str, &'static [(&'static str, Part)]);

/// Short names. The order within `LookupEvents`' attributes is theirs.
const SHORT_NAMES: &[ShortName] = &[
    (
        "user",
        &[
            ("userIdentity.userName", Part::Whole),
            ("userIdentity.principalId", Part::AfterColon),
            ("userIdentity.type", Part::OnlyRoot),
            ("userIdentity.arn", Part::Whole),
            ("userIdentity.invokedBy", Part::Whole),
        ],
    ),
    ("event", &[("eventName", Part::Whole)]),
    ("source", &[("eventSource", Part::Whole)]),
    ("ip", &[("sourceIPAddress", Part::Whole)]),
    (
        "resource",
        &[("resources", Part::WholeAndTail), ("requestParameters", Part::WholeAndTail), ("responseElements", Part::WholeAndTail)],
    ),
    ("resourceType", &[("resources.type", Part::Whole)]),
    ("key", &[("userIdentity.accessKeyId", Part::Whole)]),
    ("error", &[("errorCode", Part::Whole), ("errorMessage", Part::Whole)]),
    ("region", &[("awsRegion", Part::Whole)]),
    ("account", &[("recipientAccountId", Part::Whole), ("userIdentity.accountId", Part::Whole)]),
    ("time", &[("eventTime", Part::Whole)]),
    ("id", &[("eventID", Part::Whole)]),
];

/// Other spellings of short names: the attributes of `LookupEvents` that are no fields.
const SPELLINGS: &[(&str, &str)] = &[("username", "user"), ("resourcename", "resource"), ("accesskeyid", "key")];

/// Members of a record, of any category. What is none of these needs a leading dot in a query.
const MEMBERS: &[&str] = &[
    "eventVersion",
    "userIdentity",
    "eventTime",
    "eventSource",
    "eventName",
    "awsRegion",
    "sourceIPAddress",
    "userAgent",
    "errorCode",
    "errorMessage",
    "requestParameters",
    "responseElements",
    "additionalEventData",
    "requestID",
    "eventID",
    "readOnly",
    "resources",
    "eventType",
    "apiVersion",
    "managementEvent",
    "recipientAccountId",
    "sharedEventID",
    "vpcEndpointId",
    "vpcEndpointAccountId",
    "serviceEventDetails",
    "eventCategory",
    "addendum",
    "tlsDetails",
    "sessionCredentialFromConsole",
    "eventContext",
    "edgeDeviceDetails",
    "insightDetails",
    "annotation",
    // Aggregated events and activity logs.
    "accountId",
    "timeWindow",
    "summary",
    "eventData",
    "metadata",
    "UID",
];

impl Field {
    /// A short name, a member of records with what is below it, or `.anything.else`.
    pub fn named(name: &str) -> Option<Self> {
        if let Some(path) = name.strip_prefix('.') {
            return Self::path(path);
        }
        if let Some(short) = Self::short(name) {
            return Some(short);
        }
        let member = name.split('.').next().unwrap_or_default();
        MEMBERS.iter().any(|known| known.eq_ignore_ascii_case(member)).then(|| Self::path(name)).flatten()
    }

    /// A place in records. `None` if a key of it is empty.
    pub fn path(path: &str) -> Option<Self> {
        if path.split('.').any(str::is_empty) {
            return None;
        }
        let member = path.split('.').next().unwrap_or_default();
        let plain = Self::short(path).is_none() && MEMBERS.iter().any(|known| known.eq_ignore_ascii_case(member));
        let name = if plain { path.to_owned() } else { format!(".{path}") };
        Some(Self { name, readings: vec![Reading { path: path.to_ascii_lowercase(), part: Part::Whole }] })
    }

    /// What can stand at the beginning of a name: short names, then members of records.
    pub fn names() -> impl Iterator<Item = &'static str> {
        SHORT_NAMES.iter().map(|(short, _)| *short).chain(MEMBERS.iter().copied())
    }

    fn short(name: &str) -> Option<Self> {
        let lower = name.to_ascii_lowercase();
        let wanted = SPELLINGS.iter().find(|(other, _)| *other == lower).map_or(lower.as_str(), |(_, short)| short);
        let (name, places) = SHORT_NAMES.iter().find(|(short, _)| short.eq_ignore_ascii_case(wanted))?;
        let readings = places.iter().map(|(path, part)| Reading { path: path.to_ascii_lowercase(), part: *part });
        Some(Self { name: (*name).to_owned(), readings: readings.collect() })
    }

    pub fn event_time() -> Self {
        Self { name: "eventTime".into(), readings: vec![Reading { path: "eventtime".into(), part: Part::Whole }] }
    }

    /// The name as it is written in queries.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where its values stand; a record's values are those of all readings.
    pub fn readings(&self) -> &[Reading] {
        &self.readings
    }

    /// Whether this is the time of the event and nothing else.
    pub fn is_event_time(&self) -> bool {
        matches!(self.readings.as_slice(), [only] if only.path == "eventtime")
    }

    /// Whether the name says that values are times, so that a date alone means the whole day.
    pub(super) fn holds_times(&self) -> bool {
        let ends = |reading: &Reading| reading.path.ends_with("time") || reading.path.ends_with("date");
        self.readings.iter().all(ends)
    }

    /// Whether the value can be a service's name, whose domain may be left out.
    pub(super) fn is_source(&self) -> bool {
        self.name == "source"
    }

    /// Whether a word before an operator sign looks like a member of records.
    pub(super) fn is_member(name: &str) -> bool {
        let member = name.split('.').next().unwrap_or_default();
        MEMBERS.iter().any(|known| known.eq_ignore_ascii_case(member))
    }

    /// A known name that is nearly `name`.
    pub(super) fn nearest(name: &str) -> Option<&'static str> {
        let member = name.split('.').next().unwrap_or_default().to_ascii_lowercase();
        let known = SHORT_NAMES.iter().map(|(short, _)| *short).chain(MEMBERS.iter().copied());
        let most = if member.len() < 5 { 1 } else { 2 };
        known
            .map(|known| (distance(&member, &known.to_ascii_lowercase(), most), known))
            .filter(|(distance, _)| *distance <= most)
            .min_by_key(|(distance, _)| *distance)
            .map(|(_, known)| known)
    }
}

/// Insertions, deletions and replacements from one word to the other; anything above `most` if they are far apart.
fn distance(a: &str, b: &str, most: usize) -> usize {
    if a.len().abs_diff(b.len()) > most {
        return most + 1;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, left) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, right) in b.bytes().enumerate() {
            let replaced = diagonal + usize::from(left != right);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_resolved() {
        let check = |name: &str, expect: Option<(&str, usize)>| {
            let field = Field::named(name);
            assert_eq!(field.as_ref().map(|field| (field.name(), field.readings().len())), expect, "{name}");
        };
        check("eventName", Some(("eventName", 1)));
        check("EVENTNAME", Some(("EVENTNAME", 1)));
        check("userIdentity.arn", Some(("userIdentity.arn", 1)));
        check("User", Some(("user", 5)));
        check("Username", Some(("user", 5)));
        check("ResourceName", Some(("resource", 3)));
        check("resourcetype", Some(("resourceType", 1)));
        check(".p_log_type", Some((".p_log_type", 1)));
        check(".user", Some((".user", 1)));
        check(".eventName", Some(("eventName", 1)));
        check("s3", None);
        check("userIdentity..arn", None);
        check(".", None);
        assert_eq!(Field::nearest("evenName.x"), Some("eventName"));
        assert_eq!(Field::nearest("zzz"), None);
    }
}
