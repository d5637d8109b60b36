//! A message within the limits of what is read of it, so that it fits into one request and gives the same evidence
//! whichever way it goes.
//!
//! Nothing that would have been read is lost but recipients beyond [`RECIPIENT_BYTES_MAX`], and the oddities say so.

use std::borrow::Cow;

use persondb_protocol::matching::{Oddity, RECIPIENT_BYTES_MAX};

use super::{HEADER_BYTES_MAX, Message};

/// What one more recipient value counts for beside its bytes: its length in a request.
const VALUE_SIZE: usize = 8;

impl Message<'_> {
    /// This message without what is not read of it; itself where it is within all limits, as usual.
    ///
    /// Each header keeps its first [`HEADER_BYTES_MAX`] bytes and the character behind them, which still shows that it
    /// went on. Recipients that are over [`RECIPIENT_BYTES_MAX`] together are left out, each value as a whole:
    /// [`Oddity::MailboxesCut`]. Constant work for the usual message.
    ///
    /// ```
    /// use persondb_data::message::Message;
    /// let mut message = Message { from: Some("x".repeat(1 << 20).into()), ..Message::default() };
    /// assert_eq!(message.bounded().from.as_ref().map(|from| from.len()), Some((64 << 10) + 1));
    /// message.from = Some("Jane <jane@corp.example>".into());
    /// assert_eq!(*message.bounded(), message);
    /// ```
    #[must_use]
    pub fn bounded(&self) -> Cow<'_, Self> {
        let headers = [&self.from, &self.from_name, &self.from_addr, &self.reply_to, &self.envelope_from];
        let is_within = headers.into_iter().flatten().all(|value| value.len() <= HEADER_BYTES_MAX)
            && self.recipients.iter().map(|value| value.len() + VALUE_SIZE).sum::<usize>()
                <= RECIPIENT_BYTES_MAX
            && self.recipients.iter().all(|value| value.len() <= HEADER_BYTES_MAX);
        if is_within { Cow::Borrowed(self) } else { Cow::Owned(self.clone().cut()) }
    }

    fn cut(mut self) -> Self {
        let headers = [
            &mut self.from,
            &mut self.from_name,
            &mut self.from_addr,
            &mut self.reply_to,
            &mut self.envelope_from,
        ];
        headers.into_iter().flatten().chain(&mut self.recipients).for_each(cut_header);
        let mut left = RECIPIENT_BYTES_MAX;
        let fitting = self.recipients.iter().take_while(|value| {
            let rest = left.checked_sub(value.len() + VALUE_SIZE);
            left = rest.unwrap_or(0);
            rest.is_some()
        });
        let count = fitting.count();
        self.oddities.set(Oddity::MailboxesCut, count < self.recipients.len());
        self.recipients.truncate(count);
        self
    }
}

/// Keeps what is read of a header, and one character more where there is more.
fn cut_header(value: &mut Cow<'_, str>) {
    if value.len() <= HEADER_BYTES_MAX {
        return;
    }
    let end = value.ceil_char_boundary(HEADER_BYTES_MAX + 1);
    match value {
        Cow::Borrowed(text) => *text = &text[..end],
        Cow::Owned(text) => text.truncate(end),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_cut_reads_as_what_it_was_cut_from() {
        let long = format!("Jane <jane@corp.example>, {}", "ß".repeat(HEADER_BYTES_MAX));
        for padding in ["", "x"] {
            let from = format!("{padding}{long}");
            let message = Message {
                from: Some(from.as_str().into()),
                recipients: [from.clone().into(), "a@corp.example".into()].into_iter().collect(),
                ..Message::default()
            };
            let bounded = message.bounded();
            assert!(bounded.from.as_ref().unwrap().len() <= HEADER_BYTES_MAX + 4);
            assert_eq!(bounded.sender(), message.sender());
            assert_eq!(bounded.recipient_oddities(), message.recipient_oddities());
            assert!(bounded.recipient_mailboxes().eq(message.recipient_mailboxes()));
            assert_eq!(*bounded.bounded(), *bounded, "cut once is cut for good");
        }
    }

    #[test]
    fn a_message_at_the_limits_is_the_same_and_one_byte_more_is_told() {
        let value = |size: usize| Cow::<str>::Owned(format!("{}@corp.example", "x".repeat(size - 13)));
        let full = RECIPIENT_BYTES_MAX / (1100 + VALUE_SIZE);
        let rest = RECIPIENT_BYTES_MAX % (1100 + VALUE_SIZE);
        assert!(rest > 100, "the last value is an address");
        let mut message = Message::default();
        message.recipients.extend((0..full).map(|_| value(1100)));
        message.recipients.push(value(rest - VALUE_SIZE));
        assert!(matches!(message.bounded(), Cow::Borrowed(_)));
        *message.recipients.last_mut().unwrap() = value(rest - VALUE_SIZE + 1);
        let bounded = message.bounded();
        assert_eq!(bounded.recipients.len(), full);
        assert!(bounded.oddities.contains(Oddity::MailboxesCut) && message.oddities.is_empty());
    }

    #[test]
    fn many_values_without_anything_in_them_are_bounded_too() {
        let mut message = Message::default();
        message.recipients.extend((0..100_000).map(|_| Cow::Borrowed("")));
        assert_eq!(message.bounded().recipients.len(), RECIPIENT_BYTES_MAX / VALUE_SIZE);
    }
}
