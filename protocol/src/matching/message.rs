//! The question: what of a message takes part in a match.

use bincode::{Decode, Encode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{CANDIDATE_COUNT_DEFAULT, CANDIDATE_COUNT_MAX, Oddity, TENANT_COUNT_MAX};
use crate::answer::{Reason, Unavailable};
use crate::control::KEY_SIZE_MAX;

/// Names and addresses of one message, owned: for the socket, and for JSON.
///
/// Each value may be a raw header value (names, comments, encoded words, lists) or a plain address. Nothing is required.
/// In JSON, `to`, `cc` and `recipients` are each a string or a list of strings and all add to `recipients`, in this
/// order; null counts as not given, and an unknown field is an error, because a field with a typo would otherwise be
/// evidence that silently does not count.
///
/// ```
/// use persondb_protocol::matching::MatchMessage;
/// let line = r#"{"from":"Jane <jane@evil.example>","to":"a@corp.example","recipients":["b@corp.example"]}"#;
/// let message: MatchMessage = serde_json::from_str(line)?;
/// assert_eq!(message.recipients, ["a@corp.example", "b@corp.example"]);
/// let error = serde_json::from_str::<MatchMessage>(r#"{"form":"a@b.example"}"#).unwrap_err();
/// assert!(error.to_string().starts_with("unknown field `form`, expected one of `from`"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize, JsonSchema)]
#[serde(from = "Json")]
#[schemars(
    description = "Names and addresses of one message. Each may be a raw header value or a plain address; none is required."
)]
pub struct MatchMessage {
    /// The raw From header: name and address of the sender.
    pub from: Option<String>,
    /// The sender's display name, raw or decoded; counts before the one in `from`.
    pub from_name: Option<String>,
    /// The sender's address; counts before the one in `from`.
    pub from_addr: Option<String>,
    /// The Reply-To header.
    pub reply_to: Option<String>,
    /// The envelope's sender (MAIL FROM, Return-Path), with or without brackets; `<>` counts as none.
    pub envelope_from: Option<String>,
    /// Recipients: addresses, or raw To and Cc headers.
    pub recipients: Vec<String>,
    /// What was odd about the message that these values were taken from; no part of the JSON.
    #[serde(skip_serializing)]
    pub oddities: Vec<Oddity>,
}

impl MatchMessage {
    /// The JSON Schema (2020-12) of what is understood.
    #[must_use]
    pub fn schema() -> schemars::Schema {
        schemars::generate::SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<Self>()
    }
}

/// How much of an answer is wanted.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MatchOptions {
    /// Most candidates for the sender's name that are returned; more than [`CANDIDATE_COUNT_MAX`]
    /// counts as that.
    pub candidates_max: u32,
    /// Only these tenants are looked at, whoever the recipients are; all when null.
    pub tenants: Option<Vec<String>>,
}

impl Default for MatchOptions {
    fn default() -> Self {
        Self { candidates_max: CANDIDATE_COUNT_DEFAULT, tenants: None }
    }
}

impl MatchOptions {
    /// How many candidates are returned at most.
    #[must_use]
    pub fn candidate_limit(&self) -> usize {
        self.candidates_max.min(CANDIDATE_COUNT_MAX) as usize
    }

    /// Why these options are not answered, whichever way the question goes: more than [`TENANT_COUNT_MAX`]
    /// tenants, or one of more than [`KEY_SIZE_MAX`] bytes.
    ///
    /// # Errors
    /// [`Reason::OverLimit`].
    pub fn check(&self) -> Result<(), Unavailable> {
        let tenants = self.tenants.as_deref().unwrap_or_default();
        let detail = if tenants.len() > TENANT_COUNT_MAX {
            format!("expected at most {TENANT_COUNT_MAX} tenants, found {}", tenants.len())
        } else if let Some(long) = tenants.iter().find(|tenant| tenant.len() > KEY_SIZE_MAX) {
            format!("expected a tenant of at most {KEY_SIZE_MAX} bytes, found {}", long.len())
        } else {
            return Ok(());
        };
        Err(Unavailable::new(Reason::OverLimit, detail))
    }
}

/// The JSON that is understood.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Json {
    from: Option<String>,
    from_name: Option<String>,
    from_addr: Option<String>,
    reply_to: Option<String>,
    envelope_from: Option<String>,
    to: OneOrMany,
    cc: OneOrMany,
    recipients: OneOrMany,
}

/// A string, a list of strings, or null.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected a string or a list of strings")]
enum OneOrMany {
    #[default]
    None,
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    fn into_vec(self) -> Vec<String> {
        match self {
            Self::None => Vec::new(),
            Self::One(value) => vec![value],
            Self::Many(values) => values,
        }
    }
}

impl From<Json> for MatchMessage {
    fn from(json: Json) -> Self {
        let mut recipients = json.to.into_vec();
        recipients.append(&mut json.cc.into_vec());
        recipients.append(&mut json.recipients.into_vec());
        Self {
            from: json.from,
            from_name: json.from_name,
            from_addr: json.from_addr,
            reply_to: json.reply_to,
            envelope_from: json.envelope_from,
            recipients,
            oddities: Vec::new(),
        }
    }
}
