//! Address lists: the header `From`, `To` and their like as mailboxes.
//!
//! # How one mailbox is read
//! A mailbox ends at a comma, a semicolon, or at the colon of a group's name. A first pass finds that end and where the
//! address stands: in the last brackets, or else in the last word with an at sign. What is left over is the display
//! name; a second pass puts it together where it cannot be borrowed as it stands.
//!
//! | written | read as |
//! |---|---|
//! | `Doe, Jane <j@x>` | one mailbox: a part without address, before one with brackets, belongs to its name |
//! | `j@x (Jane)`, `(Jane) <j@x>` | the comment is the name, because there is no other |
//! | `Jane <a@x> <b@x>` | `b@x`; the other address is part of the name, as readers see it |
//! | `Jane <j@x` | the bracket ends at the next comma, semicolon, bracket, or the end |
//! | `<@a,@b:j@x>` | `j@x`: hosts before the colon are a route (RFC 5321, appendix C) |
//! | `Team: a@x, b@x;` | two mailboxes, the first of which carries the group's name |

use std::borrow::Cow;
use std::ops::Range;

use persondb_protocol::matching::Oddity;

use super::encoded::{Name, NameText, is_as_read};
use super::lex::{Lexeme, Lexer, Token, is_blank};
use super::plain::plain_mailbox;
use super::{HEADER_BYTES_MAX, MAILBOX_COUNT_MAX, Oddities};

/// How many parts without an address may precede one with brackets and count as its name (`Doe, Jane, MD <j@x>`).
const NAME_PARTS_MAX: usize = 3;

/// One mailbox of a header. What the header holds as it stands is borrowed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mailbox<'a> {
    /// Display name, decoded, without blanks around it or two side by side, at most [`DISPLAY_NAME_BYTES_MAX`](super::DISPLAY_NAME_BYTES_MAX) bytes; empty where
    /// there is none.
    pub name: Cow<'a, str>,
    /// The address without comments, route and blanks around its at sign; in quotes as given. Empty where there is
    /// none (`<>`, a name alone). Nothing says that it is valid: [`address_key`](crate::normalize::address_key) judges.
    pub address: Cow<'a, str>,
    /// The address as the header has it, between the brackets.
    pub raw: &'a str,
    /// Name of the group that begins with this mailbox.
    pub group: Option<Cow<'a, str>>,
    /// An address stands in the display name, and at least part of it was in an encoded word.
    pub has_encoded_address: bool,
    /// How its writing departs from the usual.
    pub oddities: Oddities,
}

/// The mailboxes of one header, read as they are asked for. Made by [`parse_address_list`].
#[derive(Clone, Debug)]
pub struct AddressList<'a> {
    lexer: Lexer<'a>,
    group: Option<Cow<'a, str>>,
    given: usize,
    oddities: Oddities,
}

/// Reads the value of an address header: whatever is in it, never an error.
///
/// Linear in the header, of which at most [`HEADER_BYTES_MAX`] bytes are read and [`MAILBOX_COUNT_MAX`] mailboxes
/// given. Nothing is allocated for a name in plain words or one pair of quotes and an address without comments or
/// blanks. Names of groups without members (`undisclosed-recipients:;`) give no mailbox; a name without an address
/// gives one whose address is empty.
///
/// ```
/// use persondb_data::message::parse_address_list;
/// let mut list = parse_address_list("=?utf-8?q?Ren=C3=A9e?= Doe <renee@corp.example>, joe@corp.example");
/// let renee = list.next().unwrap();
/// assert_eq!((&*renee.name, &*renee.address), ("Renée Doe", "renee@corp.example"));
/// assert_eq!(list.next().unwrap().address, "joe@corp.example");
/// assert!(list.next().is_none() && list.oddities().is_empty());
/// ```
#[must_use]
pub fn parse_address_list(header: &str) -> AddressList<'_> {
    let read = &header[..header.floor_char_boundary(HEADER_BYTES_MAX)];
    let mut oddities = Oddities::default();
    oddities.set(Oddity::HeaderCut, read.len() < header.len());
    AddressList { lexer: Lexer::new(read), group: None, given: 0, oddities }
}

impl AddressList<'_> {
    /// [`Oddity::HeaderCut`] where the header is longer than is read, and, once the list has ended,
    /// [`Oddity::MailboxesCut`] where it holds more mailboxes.
    #[must_use]
    pub fn oddities(&self) -> Oddities {
        self.oddities
    }
}

impl<'a> Iterator for AddressList<'a> {
    type Item = Mailbox<'a>;

    fn next(&mut self) -> Option<Mailbox<'a>> {
        if self.lexer.at() == self.lexer.text().len() {
            return None;
        }
        if self.given < MAILBOX_COUNT_MAX
            && let Some(plain) = plain_mailbox(self.lexer.text(), self.lexer.at())
        {
            self.lexer.go_to(plain.next);
            self.given += 1;
            let (name, address, raw) = (plain.name.into(), plain.address.into(), plain.address);
            return Some(Mailbox { name, address, raw, group: self.group.take(), ..Mailbox::default() });
        }
        self.next_by_tokens()
    }
}

impl<'a> AddressList<'a> {
    /// The next mailbox, however it is written.
    pub(super) fn next_by_tokens(&mut self) -> Option<Mailbox<'a>> {
        loop {
            if self.given == MAILBOX_COUNT_MAX {
                let is_left = self.lexer.text()[self.lexer.at()..].bytes().any(|byte| !is_blank(byte));
                self.oddities.set(Oddity::MailboxesCut, is_left);
                return None;
            }
            let start = self.lexer.clone();
            let part = Part::read(&mut self.lexer)?;
            if part.end == End::GroupName {
                let name = part.name(start);
                self.group = (!name.text.is_empty()).then_some(name.text);
                continue;
            }
            let mailbox = part.mailbox(start, &mut self.group);
            if part.end == End::Semicolon {
                self.group = None;
            }
            if let Some(mailbox) = mailbox {
                self.given += 1;
                return Some(mailbox);
            }
        }
    }
}

/// What ended a part of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// A comma, or the header's end.
    Comma,
    Semicolon,
    /// The colon behind the name of a group.
    GroupName,
}

/// Where everything stands between two separators.
#[derive(Debug)]
struct Part<'a> {
    end: End,
    /// Offset of the separator.
    end_at: usize,
    /// Last brackets: content, and where they stand.
    angle: Option<(&'a str, Range<usize>)>,
    /// Last run of words with an at sign.
    bare: Option<Range<usize>>,
    /// Brackets, or else bare addresses, met.
    addresses: usize,
    /// Words, quotes, encoded words or commas were met.
    has_phrase: bool,
    unclosed: bool,
}

impl<'a> Part<'a> {
    /// None at the end of the header.
    fn read(lexer: &mut Lexer<'a>) -> Option<Self> {
        let mut part = Self {
            end: End::Comma,
            end_at: lexer.text().len(),
            angle: None,
            bare: None,
            addresses: 0,
            has_phrase: false,
            unclosed: false,
        };
        let (mut run, mut bare_count, mut read_any) = (Run::default(), 0, false);
        while let Some(Lexeme { token, start, end, gap }) = lexer.next() {
            read_any = true;
            if !matches!(token, Token::Word(_) | Token::Quoted(_) | Token::Comment(_)) {
                bare_count += usize::from(run.finish(&mut part.bare));
            }
            match token {
                Token::Word(word) => {
                    bare_count += usize::from(run.add(start..end, gap, Some(word), &mut part.bare));
                }
                Token::Quoted(_) => {
                    bare_count += usize::from(run.add(start..end, gap, None, &mut part.bare));
                }
                Token::Angle(content) => {
                    part.angle = Some((content, start..end));
                    part.addresses += 1;
                }
                Token::Comment(_) | Token::Encoded(_) => {}
                Token::Comma => {
                    let has_address = part.angle.is_some() || part.bare.is_some();
                    if has_address || !part.has_phrase || !goes_on_as_name(lexer.clone()) {
                        part.end_at = start;
                        break;
                    }
                }
                Token::Semicolon => {
                    (part.end, part.end_at) = (End::Semicolon, start);
                    break;
                }
                Token::Colon => {
                    let has_address = part.angle.is_some() || part.bare.is_some();
                    (part.end, part.end_at) = (if has_address { End::Comma } else { End::GroupName }, start);
                    break;
                }
            }
            part.has_phrase |= matches!(token, Token::Word(_) | Token::Quoted(_) | Token::Encoded(_));
        }
        bare_count += usize::from(run.finish(&mut part.bare));
        if part.angle.is_none() {
            part.addresses = bare_count;
        }
        part.unclosed = lexer.unclosed;
        lexer.unclosed = false;
        read_any.then_some(part)
    }

    /// None where nothing stands between the separators, or a comment alone.
    fn mailbox(&self, start: Lexer<'a>, group: &mut Option<Cow<'a, str>>) -> Option<Mailbox<'a>> {
        if !self.has_phrase && self.angle.is_none() {
            return None;
        }
        let mut oddities = Oddities::default();
        let raw = match (&self.angle, &self.bare) {
            (Some((content, _)), _) => content,
            (None, Some(range)) => &start.text()[range.clone()],
            (None, None) => "",
        };
        let without_route =
            raw.strip_prefix('@').and_then(|route| route.split_once(':')).map(|(_, rest)| rest);
        oddities.set(Oddity::SourceRoute, without_route.is_some());
        oddities.set(Oddity::SeveralAddresses, self.addresses > 1);
        oddities.set(Oddity::Unclosed, self.unclosed);
        let name = self.name(start);
        oddities.set(Oddity::NameCut, name.cut);
        Some(Mailbox {
            name: name.text,
            address: without_blanks(without_route.unwrap_or(raw)),
            raw,
            group: group.take(),
            has_encoded_address: name.has_encoded_address,
            oddities,
        })
    }

    fn name(&self, start: Lexer<'a>) -> NameOf<'a> {
        let address = match (&self.angle, &self.bare) {
            (Some((_, range)), _) | (None, Some(range)) => range.clone(),
            (None, None) => 0..0,
        };
        self.borrowed_name(start.clone(), &address)
            .unwrap_or_else(|| self.decoded_name(start, &address).into())
    }

    /// The tokens of the name, or of the comments around it.
    fn tokens(&self, lexer: Lexer<'a>, address: &Range<usize>) -> impl Iterator<Item = Lexeme<'a>> + use<'a> {
        let (end_at, address) = (self.end_at, address.clone());
        lexer
            .take_while(move |lexeme| lexeme.start < end_at)
            .filter(move |lexeme| !address.contains(&lexeme.start))
    }

    /// The name when it stands in the header in one piece, needing nothing done to it.
    fn borrowed_name(&self, start: Lexer<'a>, address: &Range<usize>) -> Option<NameOf<'a>> {
        let text = start.text();
        let (mut words, mut content) = (None::<Range<usize>>, None);
        let mut comment = None;
        for Lexeme { token, start, end, .. } in self.tokens(start, address) {
            match token {
                Token::Word(_) | Token::Comma if content.is_none() => {
                    words = Some(words.map_or(start, |words| words.start)..end);
                }
                Token::Quoted(quoted) if content.is_none() && words.is_none() => content = Some(quoted),
                Token::Comment(inner) if comment.is_none() => comment = Some(inner),
                _ => return None,
            }
        }
        if words.is_some()
            && (comment.is_some() || words.as_ref().is_some_and(|words| words.contains(&address.start)))
        {
            return None;
        }
        let name = words.map(|words| &text[words]).or(content).or(comment).unwrap_or_default().trim();
        let is_plain = !name.contains('\\') && is_as_read(name);
        is_plain.then_some(NameOf { text: name.into(), ..NameOf::default() })
    }

    /// The name put together from its tokens; from comments where there are no others.
    fn decoded_name(&self, start: Lexer<'a>, address: &Range<usize>) -> Name {
        let has_words = self.tokens(start.clone(), address).any(|lexeme| {
            matches!(lexeme.token, Token::Word(_) | Token::Quoted(_) | Token::Encoded(_) | Token::Angle(_))
        });
        let mut name = NameText::default();
        for Lexeme { token, gap, .. } in self.tokens(start, address) {
            let is_encoded = matches!(token, Token::Encoded(_));
            // A comment inside the name goes, and so does the text of one that is the name it stands behind.
            if has_words == matches!(token, Token::Comment(_)) {
                continue;
            }
            if gap && !(is_encoded && name.ends_encoded()) {
                name.blank();
            }
            match token {
                Token::Encoded(word) => name.word(word),
                Token::Comma => name.plain(","),
                Token::Word(text) | Token::Quoted(text) | Token::Comment(text) | Token::Angle(text) => {
                    name.quoted(text);
                }
                Token::Semicolon | Token::Colon => {}
            }
        }
        name.finish()
    }
}

/// A name that may be borrowed.
#[derive(Debug, Default)]
struct NameOf<'a> {
    text: Cow<'a, str>,
    has_encoded_address: bool,
    cut: bool,
}

impl From<Name> for NameOf<'_> {
    fn from(name: Name) -> Self {
        Self { text: name.text.into(), has_encoded_address: name.has_encoded_address, cut: name.cut }
    }
}

/// Words that stand together without a blank, or with one beside an at sign.
#[derive(Debug, Default)]
struct Run {
    range: Option<Range<usize>>,
    has_at: bool,
    wants_more: bool,
}

impl Run {
    /// Adds a word or, without `word`, a quoted one. True when that ended a run which is an address.
    fn add(
        &mut self,
        range: Range<usize>,
        gap: bool,
        word: Option<&str>,
        address: &mut Option<Range<usize>>,
    ) -> bool {
        let starts_with_at = word.is_some_and(|word| word.starts_with('@'));
        let joins = !gap || self.wants_more || (starts_with_at && !self.has_at);
        let ended = !joins && self.finish(address);
        self.range = Some(self.range.as_ref().map_or(range.start, |run| run.start)..range.end);
        self.has_at |= word.is_some_and(|word| word.contains('@'));
        self.wants_more = word.is_some_and(|word| word.ends_with('@'));
        ended
    }

    /// True when the run was an address, which is then stored.
    fn finish(&mut self, address: &mut Option<Range<usize>>) -> bool {
        let Self { range, has_at, .. } = std::mem::take(self);
        let is_address = has_at && range.is_some();
        if is_address {
            *address = range;
        }
        is_address
    }
}

/// Whether what follows a comma has brackets within a few parts, before any part with a bare address.
fn goes_on_as_name(lexer: Lexer<'_>) -> bool {
    let (mut parts, mut has_bare) = (1, false);
    for lexeme in lexer {
        match lexeme.token {
            Token::Angle(_) => return true,
            Token::Word(word) => has_bare |= word.contains('@'),
            Token::Comma if has_bare || parts == NAME_PARTS_MAX => return false,
            Token::Comma => parts += 1,
            Token::Semicolon | Token::Colon => return false,
            Token::Quoted(_) | Token::Comment(_) | Token::Encoded(_) => {}
        }
    }
    false
}

/// An address without comments, and without blanks but those between two words of its local part.
fn without_blanks(raw: &str) -> Cow<'_, str> {
    if !raw.bytes().any(|byte| is_blank(byte) || byte == b'(') {
        return raw.into();
    }
    let mut out = String::with_capacity(raw.len());
    for Lexeme { token, start, end, gap } in Lexer::new(raw) {
        if matches!(token, Token::Comment(_)) {
            continue;
        }
        let joins = out.is_empty() || out.ends_with(['@', '.']) || raw[start..].starts_with(['@', '.']);
        if gap && !joins {
            out.push(' ');
        }
        out.push_str(&raw[start..end]);
    }
    out.into()
}
