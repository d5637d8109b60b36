//! A whole message as it is stored or sent: what of its headers takes part in a match.
//!
//! | field | header |
//! |---|---|
//! | `from` | From, the first; [`Oddity::SeveralFrom`] where there are more (RFC 5322 allows one) |
//! | `reply_to` | Reply-To, the first |
//! | `envelope_from` | Return-Path, the first: the last host wrote it |
//! | `recipients` | To, Cc, Bcc, all of them; then Delivered-To, X-Original-To and Envelope-To, as far as they name others |
//!
//! The last three are there because mail need not name whom it is delivered to, and the tenant of that recipient is
//! where the sender's name has to be looked up. Sender is not read: readers hardly show it.

use std::borrow::Cow;
use std::sync::LazyLock;

use mail_parser::{HeaderName, MessageParser};
use persondb_protocol::matching::Oddity;

use super::{Message, header_text, parse_address_list};

/// How much of a message is searched for headers, in bytes.
pub const HEADER_BLOCK_BYTES_MAX: usize = 1 << 20;
/// How many headers added by delivery are compared with the others.
const DELIVERED_COUNT_MAX: usize = 8;
/// Most headers with recipients that are taken.
const RECIPIENT_HEADERS_MAX: usize = 500;

/// Cuts the block into fields and reads none of them: we want their bytes. (Without any field named, it would read all.)
static FIELDS: LazyLock<MessageParser> =
    LazyLock::new(|| MessageParser::new().ignore_header(HeaderName::From).default_header_ignore());

impl<'a> Message<'a> {
    /// The message whose bytes these are. Its body is not read; without any header, all is empty.
    ///
    /// Reads at most [`HEADER_BLOCK_BYTES_MAX`] bytes; [`Oddity::HeaderCut`] tells when the headers went on.
    ///
    /// ```
    /// use persondb_data::message::Message;
    /// let eml = b"From: Jane <jane@evil.example>\r\nTo: a@corp.example,\r\n b@corp.example\r\n\r\nFrom: body";
    /// let message = Message::from_eml(eml);
    /// assert_eq!(message.from.as_deref(), Some("Jane <jane@evil.example>"));
    /// assert_eq!(message.recipient_mailboxes().count(), 2);
    /// ```
    #[must_use]
    pub fn from_eml(bytes: &'a [u8]) -> Self {
        let block = &bytes[..bytes.len().min(HEADER_BLOCK_BYTES_MAX)];
        let mut message = Self::default();
        let mut delivered: Vec<Cow<'a, str>> = Vec::new();
        let Some(parsed) = FIELDS.parse_headers(block) else { return message };
        let mut block_end = 0;
        for header in parsed.headers() {
            let (start, end) = (header.offset_start as usize, header.offset_end as usize);
            block_end = end;
            let (Some(name), Some(value)) =
                (block.get(header.offset_field as usize..start), block.get(start..end))
            else {
                continue;
            };
            let Some(name) = name.strip_suffix(b":").map(<[u8]>::trim_ascii_end) else { continue };
            let text = header_text(value.trim_ascii());
            let is_owned = matches!(text, Cow::Owned(_));
            let taken = match Field::of(name) {
                Some(Field::From) if message.from.is_some() => {
                    message.oddities.set(Oddity::SeveralFrom, true);
                    false
                }
                Some(Field::From) => set_first(&mut message.from, text),
                Some(Field::ReplyTo) => set_first(&mut message.reply_to, text),
                Some(Field::ReturnPath) => set_first(&mut message.envelope_from, text),
                Some(Field::Recipients) if message.recipients.len() < RECIPIENT_HEADERS_MAX => {
                    message.recipients.push(text);
                    true
                }
                Some(Field::Recipients) => {
                    message.oddities.set(Oddity::MailboxesCut, true);
                    false
                }
                Some(Field::Delivered) if delivered.len() < DELIVERED_COUNT_MAX => {
                    delivered.push(text);
                    true
                }
                Some(Field::Delivered) | None => false,
            };
            message.oddities.set(Oddity::RawBytes, taken && is_owned);
        }
        message.oddities.set(Oddity::HeaderCut, bytes.len() > block.len() && block_end >= block.len());
        message.add_unnamed(delivered);
        message
    }

    /// Adds the values with an address that the recipients, and the values before, do not name.
    fn add_unnamed(&mut self, delivered: Vec<Cow<'a, str>>) {
        let mut unnamed: Vec<(usize, Cow<'_, str>)> = Vec::new();
        for (number, value) in delivered.iter().enumerate() {
            for mailbox in parse_address_list(value).take(DELIVERED_COUNT_MAX) {
                if !unnamed.iter().any(|(_, address)| address.eq_ignore_ascii_case(&mailbox.address)) {
                    unnamed.push((number, mailbox.address));
                }
            }
        }
        for named in self.recipient_mailboxes() {
            unnamed.retain(|(_, address)| !address.eq_ignore_ascii_case(&named.address));
        }
        let numbers: Vec<usize> = unnamed.into_iter().map(|(number, _)| number).collect();
        let added = delivered.into_iter().enumerate().filter(|(number, _)| numbers.contains(number));
        self.recipients.extend(added.map(|(_, value)| value));
    }
}

/// The fields that are read.
#[derive(Clone, Copy, Debug)]
enum Field {
    From,
    ReplyTo,
    ReturnPath,
    Recipients,
    Delivered,
}

impl Field {
    fn of(name: &[u8]) -> Option<Self> {
        [
            ("from", Self::From),
            ("reply-to", Self::ReplyTo),
            ("return-path", Self::ReturnPath),
            ("to", Self::Recipients),
            ("cc", Self::Recipients),
            ("bcc", Self::Recipients),
            ("delivered-to", Self::Delivered),
            ("x-original-to", Self::Delivered),
            ("envelope-to", Self::Delivered),
        ]
        .into_iter()
        .find(|(known, _)| name.eq_ignore_ascii_case(known.as_bytes()))
        .map(|(_, field)| field)
    }
}

fn set_first<'a>(field: &mut Option<Cow<'a, str>>, value: Cow<'a, str>) -> bool {
    let is_first = field.is_none();
    if is_first {
        *field = Some(value);
    }
    is_first
}
