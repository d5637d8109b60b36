//! Free text of one column: the smallest of four codecs, chosen from a sample.
//!
//! # How it works
//! | codec | good for | a value is |
//! |---|---|---|
//! | raw | nothing in common, or very few values | the text |
//! | fsst | repeated pieces, fastest | codes of [`Symbols`] |
//! | huffman | random letters, where no piece repeats | bits of [`Huffman`] over bytes |
//! | fsst+huffman | repeated pieces, smallest | bits of [`Huffman`] over the codes of [`Symbols`] |
//!
//! Each value is coded alone and knows no end: whoever stores it stores its size, or nothing behind it. Any text can be coded,
//! whatever the sample was, and takes at most one byte more than it has.
//!
//! # Bytes
//! ```text
//! table    kind u8 (0 raw, 1 fsst, 2 huffman, 3 fsst+huffman) · symbols if odd · lengths if 2 or 3
//! value    as the codec says; with huffman: 0xff, then the text as it is, where bits would be longer
//! ```
//!
//! # Trade-offs
//! A code over single values cannot know what a block compressor knows from their neighbours, but
//! one value is read in tens of nanoseconds. Contexts (order 1 and up) would need tables beyond the first
//! cache level; symbols are the cheap way to much of what they gain.

use super::super::Corrupt;
use super::huffman::{Counts, Found, Huffman, NEVER_FIRST, TABLE_SIZE, Token};
use super::symbol_training::train;
use super::symbols::{Room, Sink, Symbols};

/// Bytes of a sample that are trained with; of larger ones every n-th value.
const SAMPLE_SIZE_MAX: usize = 1 << 19;

/// Codec of one column's text; see the module.
#[derive(Clone, Debug)]
pub(crate) enum TextCodec {
    /// As it is.
    Raw,
    /// Pieces of up to 8 bytes as one byte each.
    Symbols(Box<Symbols>),
    /// Bytes as few bits as their frequency allows.
    Huffman(Box<Huffman>),
    /// Pieces as few bits as their frequency allows.
    Packed(Box<(Symbols, Huffman)>),
}

/// How many times the bytes a codec that does not go bit by bit may take, numerator and denominator. Letters without any
/// pattern take between an eighth and a quarter more, names of people a twentieth.
const TIME_WORTH: (usize, usize) = (9, 8);

/// What a codec is chosen for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Aim {
    /// Fewest bytes.
    Size,
    /// Values that each look-up reads: not bit by bit, unless that takes [much](TIME_WORTH) less. Of names and addresses,
    /// whose frequent forms are templates and dictionaries, this takes a tenth of a percent of a segment more at 10
    /// million people, and spares a look-up almost one of seven wrong guesses of the processor.
    Time,
}

impl TextCodec {
    /// The codec that makes the sample and its own table smallest together, or nearly so, as the aim says: give as much as
    /// there is, or the table weighs more than it does. Deterministic; tens of milliseconds, however large the sample is.
    pub(crate) fn train(sample: &[&str], aim: Aim) -> Self {
        let size: usize = sample.iter().map(|text| text.len()).sum();
        let step = size.div_ceil(SAMPLE_SIZE_MAX).max(1);
        let sample: Vec<&str> = sample.iter().copied().step_by(step).collect();
        let mut codecs: Vec<_> =
            Self::all(&sample).into_iter().map(|codec| (codec.size(&sample, step), codec)).collect();
        let smallest = codecs.iter().map(|(size, _)| *size).min().unwrap_or(0);
        if aim == Aim::Time {
            let is_fast = |codec: &Self| matches!(codec, Self::Raw | Self::Symbols(_));
            let is_near = |size: usize| size * TIME_WORTH.1 <= smallest * TIME_WORTH.0;
            if codecs.iter().any(|(size, codec)| is_fast(codec) && is_near(*size)) {
                codecs.retain(|(_, codec)| is_fast(codec));
            }
        }
        // Of equal ones the first.
        codecs.into_iter().min_by_key(|(size, _)| *size).map_or(Self::Raw, |(_, codec)| codec)
    }

    /// Each codec, trained; simple ones first.
    fn all(sample: &[&str]) -> Vec<Self> {
        let mut bytes = Counts::new();
        for byte in sample.iter().flat_map(|text| text.bytes()) {
            bytes.add(Token::Code(byte));
        }
        let mut codecs = vec![Self::Raw, Self::Huffman(Box::new(Huffman::train(&bytes)))];
        for symbols in train(sample) {
            let mut pieces = Counts::new();
            for text in sample {
                symbols.cut(text.as_bytes(), |token| pieces.add(token));
            }
            let packed = (symbols.clone(), Huffman::train(&pieces));
            codecs.extend([Self::Symbols(Box::new(symbols)), Self::Packed(Box::new(packed))]);
        }
        codecs
    }

    /// The stored table, for [`Self::open`]; less than 4 KiB.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut out = vec![self.kind()];
        match self {
            Self::Raw => {}
            Self::Symbols(symbols) => symbols.write(&mut out),
            Self::Huffman(huffman) => huffman.write(&mut out),
            Self::Packed(both) => {
                both.0.write(&mut out);
                both.1.write(&mut out);
            }
        }
        out
    }

    /// Reads a stored table and checks all of it.
    ///
    /// # Errors
    /// [`Corrupt`] for anything that [`Self::to_bytes`] could not have written.
    pub(crate) fn open(bytes: &[u8]) -> Result<Self, Corrupt> {
        let corrupt = || Corrupt::new("text table is of no known kind or size");
        let (kind, rest) = bytes.split_first().ok_or_else(corrupt)?;
        let (codec, rest) = match kind {
            0 => (Self::Raw, rest),
            1 => {
                let (symbols, rest) = Symbols::open(rest)?;
                (Self::Symbols(Box::new(symbols)), rest)
            }
            2 => {
                let (lengths, rest) = rest.split_at_checked(TABLE_SIZE).ok_or_else(corrupt)?;
                (Self::Huffman(Box::new(Huffman::open(lengths)?)), rest)
            }
            3 => {
                let (symbols, rest) = Symbols::open(rest)?;
                let (lengths, rest) = rest.split_at_checked(TABLE_SIZE).ok_or_else(corrupt)?;
                (Self::Packed(Box::new((symbols, Huffman::open(lengths)?))), rest)
            }
            _ => return Err(corrupt()),
        };
        if rest.is_empty() { Ok(codec) } else { Err(corrupt()) }
    }

    /// For people: which codec.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Symbols(_) => "fsst",
            Self::Huffman(_) => "huffman",
            Self::Packed(_) => "fsst+huffman",
        }
    }

    /// Appends the bytes of any text: at most one more than it has. Deterministic, O(bytes).
    pub(crate) fn encode(&self, text: &str, out: &mut Vec<u8>) {
        let text = text.as_bytes();
        let start = out.len();
        match self {
            Self::Raw => out.extend_from_slice(text),
            Self::Symbols(symbols) => symbols.encode(text, out),
            Self::Huffman(huffman) => {
                let mut encoder = huffman.encoder(out);
                for &byte in text {
                    if !encoder.code(byte) {
                        encoder.literal(byte);
                    }
                }
                encoder.finish();
                keep_shorter(text, start, out);
            }
            Self::Packed(both) => {
                let (symbols, huffman) = &**both;
                let mut encoder = huffman.encoder(out);
                symbols.cut(text, |token| match token {
                    Token::Code(code) => {
                        if !encoder.code(code) {
                            symbols.bytes(code).for_each(|byte| encoder.literal(byte));
                        }
                    }
                    Token::Literal(byte) => encoder.literal(byte),
                });
                encoder.finish();
                keep_shorter(text, start, out);
            }
        }
    }

    /// Appends the text that was encoded; of hostile bytes any bytes, at most 8 for each and 16 more.
    /// O(bytes).
    ///
    /// # Errors
    /// [`Corrupt`] where bytes hold no value; what is then behind the old end of `out` means nothing.
    pub(crate) fn decode(&self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Corrupt> {
        if matches!(self, Self::Raw) {
            out.extend_from_slice(bytes);
            return Ok(());
        }
        let mut room = Room::new(bytes.len(), out);
        self.decode_into(bytes, &mut room)?;
        room.finish();
        Ok(())
    }

    /// [`Self::decode`] to anywhere.
    #[inline]
    pub(super) fn decode_into(&self, bytes: &[u8], sink: &mut impl Sink) -> Result<(), Corrupt> {
        match (self, bytes) {
            (Self::Raw, text) | (Self::Huffman(_) | Self::Packed(_), [NEVER_FIRST, text @ ..]) => {
                sink.put_slice(text)
            }
            (Self::Symbols(symbols), _) => symbols.decode(bytes, sink),
            (Self::Huffman(huffman), _) => huffman.decode(bytes, |found| match found {
                Found::Codes(codes, count) => sink.put(u16::from_le_bytes(codes).into(), count),
                Found::Literal(byte) => sink.put(byte.into(), 1),
            }),
            (Self::Packed(both), _) => {
                let (symbols, huffman) = &**both;
                huffman.decode(bytes, |found| match found {
                    Found::Codes([code, _], 1) => symbols.put(code, sink),
                    Found::Codes([one, other], _) => {
                        symbols.put(one, sink)?;
                        symbols.put(other, sink)
                    }
                    Found::Literal(byte) => sink.put(byte.into(), 1),
                })
            }
        }
    }

    fn kind(&self) -> u8 {
        match self {
            Self::Raw => 0,
            Self::Symbols(_) => 1,
            Self::Huffman(_) => 2,
            Self::Packed(_) => 3,
        }
    }

    /// Bytes of `step` such samples and the table.
    fn size(&self, sample: &[&str], step: usize) -> usize {
        let mut out = Vec::new();
        let mut size = 0;
        for text in sample {
            out.clear();
            self.encode(text, &mut out);
            size += out.len();
        }
        size * step + self.to_bytes().len()
    }
}

/// Replaces bits by the text itself if they are longer, or if they are so few that [`Room`] would take them
/// for hostile.
fn keep_shorter(text: &[u8], start: usize, out: &mut Vec<u8>) {
    let size = out.len() - start;
    if size > text.len() || text.len() > 8 * size + Room::SPARE {
        out.truncate(start);
        out.push(NEVER_FIRST);
        out.extend_from_slice(text);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encode(codec: &TextCodec, text: &str) -> Vec<u8> {
        let mut out = b"before".to_vec();
        codec.encode(text, &mut out);
        assert_eq!(&out[..6], b"before");
        out.split_off(6)
    }

    fn decode(codec: &TextCodec, bytes: &[u8]) -> Result<Vec<u8>, Corrupt> {
        let mut out = b"before".to_vec();
        codec.decode(bytes, &mut out)?;
        assert_eq!(&out[..6], b"before");
        Ok(out.split_off(6))
    }

    fn comes_back(codec: &TextCodec, text: &str) {
        let bytes = encode(codec, text);
        assert!(bytes.len() <= text.len() + 1, "{}: {} of {text:?}", codec.name(), bytes.len());
        assert_eq!(decode(codec, &bytes).unwrap(), text.as_bytes(), "{}", codec.name());
    }

    /// Texts of `size` letters from an alphabet, a specified sequence.
    fn random(alphabet: &str, count: u64, size: u64) -> Vec<String> {
        let letters: Vec<char> = alphabet.chars().collect();
        let letter = |i: u64| {
            let hash = xxhash_rust::xxh3::xxh3_64(&i.to_le_bytes());
            letters[usize::try_from(hash % letters.len() as u64).unwrap()]
        };
        (0..count).map(|i| (0..size).map(|at| letter(i * size + at)).collect()).collect()
    }

    fn borrowed(texts: &[String]) -> Vec<&str> {
        texts.iter().map(String::as_str).collect()
    }

    fn printable() -> String {
        (b'!'..=b'~').map(char::from).collect()
    }

    /// Words that come again, names, what is no ASCII, what is no text.
    fn texts() -> impl Strategy<Value = Vec<String>> {
        let text = prop_oneof![
            "[a-z]{0,12}",
            "(Senior |Junior |)(Engineer|Manager|Nurse)(, [a-z]{4})?( [0-9]{1,3})?",
            "(a|ab|abc|abcd|abcdabcd){0,8}",
            ".{0,20}",
            "[Α-ω ]{0,20}",
            prop::collection::vec(any::<char>(), 0..8).prop_map(String::from_iter),
        ];
        prop::collection::vec(text, 0..60)
    }

    proptest! {
            #[test]
            fn any_text_comes_back_whatever_the_codec_was_trained_with(
                sample in texts(), unrelated in texts(), often in 1_usize..30,
            ) {
                let sample = borrowed(&sample).repeat(often);
                for codec in TextCodec::all(&sample).into_iter().chain([TextCodec::train(&sample, Aim::Size)]) {
                    let table = codec.to_bytes();
                    prop_assert!(table.len() < 4096);
                    let opened = TextCodec::open(&table).unwrap();
                    prop_assert_eq!(opened.name(), codec.name());
                    prop_assert_eq!(opened.to_bytes(), table);
                    for text in sample.iter().copied().chain(unrelated.iter().map(String::as_str)) {
                        comes_back(&codec, text);
                        prop_assert_eq!(encode(&opened, text), encode(&codec, text));
                    }
                }
            }

            #[test]
            fn hostile_tables_and_values_are_errors_or_other_text_within_bounds(
                sample in texts(), at in any::<prop::sample::Index>(), bits in 1_u8..,
                cut in any::<prop::sample::Index>(), values in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..20),
            ) {
                let sample = borrowed(&sample);
                for codec in TextCodec::all(&sample) {
                    let mut table = codec.to_bytes();
                    let place = at.index(table.len());
                    table[place] ^= bits;
                    let opened = TextCodec::open(&table);
                    for codec in opened.iter().chain([&codec]) {
                        for bytes in values.iter().cloned().chain(sample.iter().map(|text| encode(codec, text))) {
                            for bytes in [&bytes[..], &bytes[..cut.index(bytes.len() + 1)]] {
                                if let Ok(text) = decode(codec, bytes) {
                                    prop_assert!(text.len() <= 8 * bytes.len() + 16);
                                }
                            }
                        }
                        // A table may be wrong, but what it encodes it decodes.
                        for text in &sample {
     comes_back(codec, text);
    }
                    }
                    table.truncate(cut.index(table.len()));
                    let _ = TextCodec::open(&table);
                }
            }

            #[test]
            fn any_bytes_as_a_table_do_not_panic(mut table in prop::collection::vec(any::<u8>(), 0..400), kind in 0_u8..5) {
                if let Some(first) = table.first_mut() {
                    *first = kind;
                }
                if let Ok(codec) = TextCodec::open(&table) {
                    comes_back(&codec, "any text");
                    let _ = decode(&codec, &table);
                }
            }
        }

    #[test]
    fn nothing_to_learn_from_is_raw() {
        assert_eq!(TextCodec::train(&[], Aim::Size).name(), "raw");
        assert_eq!(TextCodec::train(&["", "one"], Aim::Size).name(), "raw");
        assert!(TextCodec::open(&[]).is_err());
    }

    #[test]
    fn long_texts_of_any_kind_come_back() {
        let sample = random("abcdefgh", 500, 12);
        for codec in TextCodec::all(&borrowed(&sample)) {
            for text in ["a", "h", "z", "é", "\0", "abcdefgh", "a\0"] {
                comes_back(&codec, &text.repeat(10_000 / text.len()));
            }
            comes_back(&codec, &random(&printable(), 1, 10_000)[0]);
        }
    }

    #[test]
    fn the_densest_text_is_not_taken_for_hostile() {
        let sample = ["aaaaaaaa"].repeat(1000);
        for codec in TextCodec::all(&sample) {
            for count in [1, 8, 9, 64, 1000, 10_000] {
                comes_back(&codec, &"a".repeat(count));
            }
        }
    }

    #[test]
    fn random_letters_take_their_entropy() {
        for alphabet in ["abcdefghijklmnopqrstuvwxyz", "abcdefghijklmnopqrstuvwxyz0123456789", &printable()] {
            let texts = random(alphabet, 5_000, 12);
            let texts = borrowed(&texts);
            let codec = TextCodec::train(&texts, Aim::Size);
            let total: usize = texts.iter().map(|text| encode(&codec, text).len()).sum();
            #[allow(clippy::cast_precision_loss)]
            let (mean, letters) = (total as f64 / 5_000.0, alphabet.len() as f64);
            let entropy = 12.0 * letters.log2() / 8.0;
            assert!(mean <= 1.05 * entropy + 1.0, "{}: {mean} bytes, entropy {entropy}", codec.name());
            assert_eq!(codec.name(), "huffman");
        }
    }

    #[test]
    fn pieces_that_come_again_take_a_third_of_the_text() {
        let texts: Vec<String> = (0..2_000)
            .map(|i| {
                let rank = ["Senior ", "Junior ", "Principal ", ""][i % 4];
                let work = ["Software Engineer", "Nurse practitioner", "Account Manager"][i / 4 % 3];
                format!("{rank}{work}, unit {}", i * 7919 % 1000)
            })
            .collect();
        let texts = borrowed(&texts);
        let raw: usize = texts.iter().map(|text| text.len()).sum();
        for codec in TextCodec::all(&texts).iter().filter(|codec| matches!(codec.kind(), 1 | 3)) {
            let size: usize = texts.iter().map(|text| encode(codec, text).len()).sum();
            assert!(3 * size < raw, "{}: {size} of {raw} bytes", codec.name());
        }
        assert_eq!(TextCodec::train(&texts, Aim::Size).name(), "fsst+huffman");
        assert_eq!(TextCodec::train(&texts, Aim::Time).name(), "fsst", "no codec that goes bit by bit");
    }

    #[test]
    fn letters_without_a_pattern_go_bit_by_bit_whatever_the_aim() {
        let texts = random("abcdefghijklmnopqrstuvwxyz0123456789", 5_000, 12);
        let texts = borrowed(&texts);
        for aim in [Aim::Size, Aim::Time] {
            assert!(TextCodec::train(&texts, aim).name().ends_with("huffman"), "{aim:?}");
        }
    }

    #[test]
    fn a_large_sample_is_thinned_and_trains_the_same_twice() {
        let texts = random(&printable(), 60_000, 20);
        let texts = borrowed(&texts);
        assert_eq!(
            TextCodec::train(&texts, Aim::Size).to_bytes(),
            TextCodec::train(&texts, Aim::Size).to_bytes()
        );
    }
}
