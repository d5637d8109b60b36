//! What `tests/fuzz` looks for with a fuzzer, with random bytes: pieces of headers among any others.

#[path = "../../tests/fuzz/src/bodies.rs"]
#[allow(unreachable_pub, reason = "public in the crate of the fuzzer")]
mod bodies;

use proptest::prelude::*;

/// Pieces that the grammars give a meaning.
const PIECES: [&[u8]; 34] = [
    b"From: ",
    b"To: ",
    b"Cc: ",
    b"Reply-To: ",
    b"Return-Path: ",
    b"\r\n",
    b"\n ",
    b"\r\n\r\n",
    b"\0",
    b"Jane Doe",
    b"Bob Homeier",
    b"J\xc3\xbcrgen",
    b"\xfc",
    b"jane.doe@acme.example",
    b"jd+x@acme.example",
    b"jane@acrne.example",
    b"<",
    b">",
    b"\"",
    b"(",
    b")",
    b",",
    b";",
    b":",
    b"@",
    b"\\",
    b"=?utf-8?q?",
    b"=?utf-8?b?",
    b"?=",
    b"=40",
    b"w6k=",
    b"\xe2\x80\xae",
    b"\xd0\xb0",
    b"Team: ",
];

/// Bytes that get further than any others.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        3 => prop::sample::select(&PIECES[..]).prop_map(<[u8]>::to_vec),
        1 => prop::collection::vec(any::<u8>(), 0..20),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]
    #[test]
    fn any_header_is_read_within_its_limits(bytes in bytes()) {
        bodies::header(&bytes);
    }

    #[test]
    fn any_message_is_read_and_matched_within_its_limits(bytes in bytes()) {
        bodies::eml(&bytes);
    }

    #[test]
    fn any_values_of_a_message_are_matched_within_their_limits(bytes in bytes()) {
        bodies::message(&bytes);
    }
}
