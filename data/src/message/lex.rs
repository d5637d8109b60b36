//! Cuts the text of an address header into its tokens, whatever it is.
//!
//! The tokens are those of RFC 5322 (3.2 and 3.4) and RFC 2047, read as mail really is: an encoded word may touch a
//! word or hold blanks, a bracket may never close, and a quote or comment that does not close is text.
//!
//! # Linear time
//! Only quotes, comments and encoded words look for their end beyond what they consume. Quotes and comments look in
//! vain once for the whole header and are text from there on; comments are counted, not recursed into. An encoded word
//! looks no further than its limit, a bracket no further than the next bracket.

use super::encoded::{EncodedWord, encoded_word};

/// Comments deeper than this are text.
const COMMENT_DEPTH_MAX: usize = 32;

/// One token, borrowed from the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// An atom, or whatever stands between blanks and specials; may hold backslashes.
    Word(&'a str),
    /// What stands between two quotes, with its backslashes.
    Quoted(&'a str),
    /// What stands between the outer parentheses, with its backslashes.
    Comment(&'a str),
    /// `=?charset?q?text?=`.
    Encoded(EncodedWord<'a>),
    /// What stands between `<` and `>`, blanks around it dropped.
    Angle(&'a str),
    /// `,`
    Comma,
    /// `;`
    Semicolon,
    /// `:`
    Colon,
}

/// A token and where it stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lexeme<'a> {
    /// What it is.
    pub(super) token: Token<'a>,
    /// Offset of its first byte.
    pub(super) start: usize,
    /// Offset behind its last byte.
    pub(super) end: usize,
    /// Blanks stand before it.
    pub(super) gap: bool,
}

/// The rest of a header; cheap to clone for looking ahead.
#[derive(Clone, Debug)]
pub(super) struct Lexer<'a> {
    text: &'a str,
    at: usize,
    /// A quote was opened and never closed; from there on `"` is text.
    quotes_off: bool,
    /// The same of `(`.
    comments_off: bool,
    /// A quote, comment or bracket that never closes was met.
    pub(super) unclosed: bool,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0, quotes_off: false, comments_off: false, unclosed: false }
    }

    /// All of the header.
    pub(super) fn text(&self) -> &'a str {
        self.text
    }

    /// Offset of what is read next.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Goes on at this offset, all before it having been read in another way.
    pub(super) fn go_to(&mut self, at: usize) {
        self.at = at;
    }

    fn quoted(&mut self) -> Option<(Token<'a>, usize)> {
        if self.quotes_off {
            return None;
        }
        let start = self.at + 1;
        if let Some(length) = end_of_quoted(&self.text.as_bytes()[start..]) {
            return Some((Token::Quoted(&self.text[start..start + length]), start + length + 1));
        }
        (self.quotes_off, self.unclosed) = (true, true);
        None
    }

    fn comment(&mut self) -> Option<(Token<'a>, usize)> {
        if self.comments_off {
            return None;
        }
        let start = self.at + 1;
        if let Some(length) = end_of_comment(&self.text.as_bytes()[start..]) {
            return Some((Token::Comment(&self.text[start..start + length]), start + length + 1));
        }
        (self.comments_off, self.unclosed) = (true, true);
        None
    }

    /// An address in brackets. One that never closes ends where the next mailbox begins.
    fn angle(&mut self) -> (Token<'a>, usize) {
        let bytes = self.text.as_bytes();
        let mut start = self.at;
        while bytes.get(start).is_some_and(|&byte| byte == b'<' || is_blank(byte)) {
            start += 1;
        }
        let mut from = start;
        if bytes.get(from) == Some(&b'"') && !self.quotes_off {
            from += 1 + end_of_quoted(&bytes[from + 1..]).map_or(0, |length| length + 1);
        }
        let stop = memchr::memchr2(b'<', b'>', &bytes[from..]).map(|found| from + found);
        if let Some(end) = stop.filter(|&end| bytes[end] == b'>') {
            let mut after = end + 1;
            while bytes.get(after) == Some(&b'>') {
                after += 1;
            }
            return (Token::Angle(self.text[start..end].trim()), after);
        }
        self.unclosed = true;
        let stop = stop.unwrap_or(bytes.len());
        // In a source route commas part hosts, so they end nothing before its colon.
        let route =
            if bytes.get(from) == Some(&b'@') { memchr::memchr(b':', &bytes[from..stop]) } else { None };
        let from = from + route.unwrap_or(0);
        let end = memchr::memchr2(b',', b';', &bytes[from..stop]).map_or(stop, |found| from + found);
        (Token::Angle(self.text[start..end].trim()), end)
    }

    fn encoded(&self) -> Option<(Token<'a>, usize)> {
        let (word, length) = encoded_word(&self.text[self.at..])?;
        Some((Token::Encoded(word), self.at + length))
    }

    /// A run of anything that is no token of another kind.
    fn word(&mut self) -> (Token<'a>, usize) {
        let bytes = self.text.as_bytes();
        let start = self.at;
        let mut end = start;
        while let Some(&byte) = bytes.get(end) {
            match byte {
                b'\\' => end += 1 + bytes.get(end + 1).map_or(0, |_| width_at(self.text, end + 1)),
                b'[' => end += literal_length(&bytes[end..]),
                b'"' if !(self.quotes_off) && end > start => break,
                b'(' if !(self.comments_off) && end > start => break,
                b'=' if bytes.get(end + 1) == Some(&b'?') && end > start => break,
                b'<' | b',' | b';' | b':' => break,
                _ if is_blank(byte) => break,
                _ => end += 1,
            }
        }
        (Token::Word(&self.text[start..end]), end)
    }
}

impl<'a> Iterator for Lexer<'a> {
    type Item = Lexeme<'a>;

    fn next(&mut self) -> Option<Lexeme<'a>> {
        let bytes = self.text.as_bytes();
        let before = self.at;
        while bytes.get(self.at).copied().is_some_and(is_blank) {
            self.at += 1;
        }
        let start = self.at;
        let special = match *bytes.get(start)? {
            b'"' => self.quoted(),
            b'(' => self.comment(),
            b'<' => Some(self.angle()),
            b'=' if bytes.get(start + 1) == Some(&b'?') => self.encoded(),
            b',' => Some((Token::Comma, start + 1)),
            b';' => Some((Token::Semicolon, start + 1)),
            b':' => Some((Token::Colon, start + 1)),
            _ => None,
        };
        let (token, end) = special.unwrap_or_else(|| self.word());
        self.at = end;
        Some(Lexeme { token, start, end, gap: start > before })
    }
}

/// Blanks and the controls that are read as such; a folded line is one of them.
pub(super) fn is_blank(byte: u8) -> bool {
    byte <= b' ' || byte == 0x7f
}

/// Length of a quoted string whose opening quote was read, without the closing one.
fn end_of_quoted(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += memchr::memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes[at] == b'"' {
            return Some(at);
        }
        at += 2;
    }
}

fn end_of_comment(bytes: &[u8]) -> Option<usize> {
    let (mut at, mut depth) = (0, 1);
    loop {
        at += memchr::memchr3(b'(', b')', b'\\', bytes.get(at..)?)?;
        match bytes[at] {
            b'\\' => at += 1,
            b'(' => depth += 1,
            _ => depth -= 1,
        }
        if depth == 0 {
            return Some(at);
        }
        if depth > COMMENT_DEPTH_MAX {
            return None;
        }
        at += 1;
    }
}

/// Length of a domain literal (`[IPv6:…]`, whose colons part nothing), or 1 where there is none.
fn literal_length(bytes: &[u8]) -> usize {
    let end = bytes[1..].iter().position(|&byte| is_blank(byte) || matches!(byte, b'[' | b']' | b'<' | b','));
    end.filter(|&end| bytes[end + 1] == b']').map_or(1, |end| end + 2)
}

fn width_at(text: &str, at: usize) -> usize {
    text[at..].chars().next().map_or(0, char::len_utf8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> Vec<Token<'_>> {
        Lexer::new(text).map(|lexeme| lexeme.token).collect()
    }

    #[test]
    fn each_token_is_cut_where_the_grammar_says() {
        use Token::{Angle, Colon, Comma, Comment, Quoted, Semicolon, Word};
        assert_eq!(
            tokens(r#"Team: "J \"x\" D" (a (b) \) c) < j@x >, k@[IPv6:::1];"#),
            [
                Word("Team"),
                Colon,
                Quoted(r#"J \"x\" D"#),
                Comment(r"a (b) \) c"),
                Angle("j@x"),
                Comma,
                Word("k@[IPv6:::1]"),
                Semicolon
            ]
        );
    }

    #[test]
    fn what_never_closes_is_text_and_told() {
        for (text, expected) in [
            ("\"Jane D", vec![Token::Word("\"Jane"), Token::Word("D")]),
            ("(Jane D", vec![Token::Word("(Jane"), Token::Word("D")]),
            ("J <a@b, c", vec![Token::Word("J"), Token::Angle("a@b"), Token::Comma, Token::Word("c")]),
            ("<a@b <c@d>", vec![Token::Angle("a@b"), Token::Angle("c@d")]),
        ] {
            let mut lexer = Lexer::new(text);
            assert_eq!(lexer.by_ref().map(|lexeme| lexeme.token).collect::<Vec<_>>(), expected, "{text}");
            assert!(lexer.unclosed, "{text}");
        }
    }

    #[test]
    fn comments_nest_up_to_the_limit_and_no_further() {
        let nested = |depth: usize| format!("{}{}", "(".repeat(depth), ")".repeat(depth));
        assert!(matches!(tokens(&nested(COMMENT_DEPTH_MAX))[..], [Token::Comment(_)]));
        assert!(matches!(tokens(&nested(COMMENT_DEPTH_MAX + 1))[..], [Token::Word(_)]));
    }
}
