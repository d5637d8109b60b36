//! Headers as mail has them, each with its near miss.

use std::borrow::Cow;

use super::*;

/// Name and address of each mailbox.
fn list(header: &str) -> Vec<(String, String)> {
    parse_address_list(header)
        .map(|mailbox| (mailbox.name.into_owned(), mailbox.address.into_owned()))
        .collect()
}

fn only(header: &str) -> Mailbox<'_> {
    let mut list = parse_address_list(header);
    let mailbox = list.next().unwrap_or_else(|| panic!("{header:?}: no mailbox"));
    assert_eq!(list.next(), None, "{header:?}: a second mailbox");
    mailbox
}

#[track_caller]
fn check(header: &str, expected: &[(&str, &str)]) {
    let found = list(header);
    let found: Vec<_> = found.iter().map(|(name, address)| (&**name, &**address)).collect();
    assert_eq!(found, expected, "{header:?}");
}

#[test]
fn usual_mailboxes_are_borrowed() {
    for header in [
        "Jane Doe <jane@corp.example>",
        "jane@corp.example",
        " <jane@corp.example> ",
        "\"Doe, Jane\" <jane@corp.example>",
        "Doe, Jane <jane@corp.example>",
        "Jürgen Groß <jane@corp.example>",
        "jane@corp.example (Jane Doe)",
    ] {
        let mailbox = only(header);
        assert!(matches!(mailbox.name, Cow::Borrowed(_)), "{header}");
        assert!(matches!(mailbox.address, Cow::Borrowed("jane@corp.example")), "{header}");
        assert_eq!((mailbox.raw, mailbox.oddities), ("jane@corp.example", Oddities::default()), "{header}");
    }
}

#[test]
fn names_and_addresses_are_told_apart() {
    check("Jane Doe <jane@x.y>", &[("Jane Doe", "jane@x.y")]);
    check("Jane Doe<jane@x.y>", &[("Jane Doe", "jane@x.y")]);
    check("Jane Doe jane@x.y", &[("Jane Doe", "jane@x.y")]);
    check("jane@x.y Jane Doe", &[("Jane Doe", "jane@x.y")]);
    check("<jane@x.y> Jane Doe", &[("Jane Doe", "jane@x.y")]);
    check("mailto:jane@x.y", &[("", "jane@x.y")]);
    check("Jane Doe", &[("Jane Doe", "")]);
    check("Jane Doe <>", &[("Jane Doe", "")]);
    check("<>", &[("", "")]);
    check("<<jane@x.y>>", &[("", "jane@x.y")]);
    check("< jane @ x . y >", &[("", "jane@x.y")]);
    check("jane @ x.y", &[("", "jane@x.y")]);
    check("<jane doe@x.y>", &[("", "jane doe@x.y")]);
    check("O'Brien, Pat <pat@x.y>", &[("O'Brien, Pat", "pat@x.y")]);
    check("a@[IPv6:2001:db8::1], b@x.y", &[("", "a@[IPv6:2001:db8::1]"), ("", "b@x.y")]);
}

#[test]
fn commas_part_mailboxes_unless_they_part_a_name() {
    check("a@x.y, b@x.y", &[("", "a@x.y"), ("", "b@x.y")]);
    check("a@x.y; b@x.y;;", &[("", "a@x.y"), ("", "b@x.y")]);
    check(",, a@x.y ,\r\n ,", &[("", "a@x.y")]);
    check("Doe, Jane <a@x.y>, Roe, Rick <b@x.y>", &[("Doe, Jane", "a@x.y"), ("Roe, Rick", "b@x.y")]);
    check("Doe, Jane, MD <a@x.y>", &[("Doe, Jane, MD", "a@x.y")]);
    check("jane, b@x.y, Carl <c@x.y>", &[("jane", ""), ("", "b@x.y"), ("Carl", "c@x.y")]);
    check("a, b, c, d, e <x@y.z>", &[("a", ""), ("b, c, d, e", "x@y.z")]);
}

#[test]
fn quotes_and_escapes_are_taken_off_names_and_left_on_addresses() {
    check(r#""Doe, \"JD\" Jane" <a@x.y>"#, &[(r#"Doe, "JD" Jane"#, "a@x.y")]);
    check(r#"Jane "JD" Doe <a@x.y>"#, &[("Jane JD Doe", "a@x.y")]);
    check(r"Doe\, Jane <a@x.y>", &[("Doe, Jane", "a@x.y")]);
    check(r#""jane doe"@x.y"#, &[("", r#""jane doe"@x.y"#)]);
    check(r#"J <"jane>, \"doe"@x.y>, b@x.y"#, &[("J", r#""jane>, \"doe"@x.y"#), ("", "b@x.y")]);
    check(r#""" <a@x.y>"#, &[("", "a@x.y")]);
    check("\"Jane\r\n  Doe\" <a@x.y>", &[("Jane Doe", "a@x.y")]);
    check("Jane\r\n  Doe <a@x.y>", &[("Jane Doe", "a@x.y")]);
    check("'Jane' <a@x.y>", &[("'Jane'", "a@x.y")]);
}

#[test]
fn comments_are_names_only_where_there_is_no_other() {
    check("a@x.y (Jane Doe)", &[("Jane Doe", "a@x.y")]);
    check("(Jane Doe) <a@x.y>", &[("Jane Doe", "a@x.y")]);
    check("Jane (IT) Doe <a@x.y> (late)", &[("Jane Doe", "a@x.y")]);
    check("a@x.y (=?utf-8?q?Ren=C3=A9e?=)", &[("Renée", "a@x.y")]);
    check("Jane <a(c (d) \\) e)@x.y>", &[("Jane", "a@x.y")]);
    check("jane(c)@x.y", &[("", "jane@x.y")]);
    check("(only a comment)", &[]);
}

#[test]
fn groups_give_their_members_and_their_name_once() {
    check("undisclosed-recipients:;", &[]);
    check("undisclosed-recipients: ;, a@x.y", &[("", "a@x.y")]);
    check("Team: a@x.y, Bob <b@x.y>;, c@x.y", &[("", "a@x.y"), ("Bob", "b@x.y"), ("", "c@x.y")]);
    let groups: Vec<_> =
        parse_address_list("\"The Team\": a@x.y, b@x.y; c@x.y").map(|mailbox| mailbox.group).collect();
    assert_eq!(groups, [Some("The Team".into()), None, None]);
}

#[test]
fn encoded_words_are_decoded_wherever_readers_decode_them() {
    for (name, expected) in [
        ("=?utf-8?q?Ren=C3=A9e_Doe?=", "Renée Doe"),
        ("=?UTF-8?B?UmVuw6llIERvZQ==?=", "Renée Doe"),
        ("=?UTF-8?B?UmVuw6llIERvZQ?=", "Renée Doe"),
        ("=?iso-8859-1?q?Ren=E9e?= Doe", "Renée Doe"),
        ("=?iso-8859-1*fr?Q?Ren=E9e?= Doe", "Renée Doe"),
        ("\"=?iso-8859-1?q?Ren=E9e?= Doe\"", "Renée Doe"),
        ("=?windows-1251?b?zODw6P8=?=", "Мария"),
        ("=?koi8-r?q?=ED=C1=D2=C9=D1?=", "Мария"),
        ("=?shift_jis?B?g26DjYFbgUWDj4Fbg4uDaA==?=", "ハロー・ワールド"),
        ("=?iso-2022-jp?B?GyRCRURDZhsoQg==?=", "田中"),
        ("=?gb2312?B?1cXOsA==?=", "张伟"),
        ("=?utf-7?q?Ren+AOk-e?=", "Renée"),
        ("=?x-nonsense?q?Ren=C3=A9e?=", "Renée"),
        // Adjacent words are one, also where a character is cut in two.
        ("=?utf-8?q?Ren=C3?= =?UTF-8?q?=A9e?=", "Renée"),
        ("=?utf-8?b?UmVuw6ll?=\r\n =?utf-8?q?_Doe?=", "Renée Doe"),
        ("\"=?utf-8?q?Ren=C3?= =?UTF-8?q?=A9e?=\"", "Renée"),
        ("=?utf-8?q?Jane?= =?iso-8859-1?q?D=F6?=", "JaneDö"),
        ("=?utf-8?q?Jane?= x =?utf-8?q?Doe?=", "Jane x Doe"),
        ("Dr.=?utf-8?q?Jane?=Doe", "Dr.JaneDoe"),
        ("=?utf-8?q?Doe, Jane (IT)?=", "Doe, Jane (IT)"),
        ("=?utf-8?q?Jane=0D=0ADoe?=", "Jane Doe"),
        // What is broken stays as it is.
        ("=?utf-8?q?Jane=ZZ?=", "=?utf-8?q?Jane=ZZ?="),
        ("=?utf-8?x?Jane?=", "=?utf-8?x?Jane?="),
        ("=?utf-8?q?Jane", "=?utf-8?q?Jane"),
        ("=?=?=?= a=b", "=?=?=?= a=b"),
    ] {
        assert_eq!(list(&format!("{name} <a@x.y>")), [(expected.into(), "a@x.y".into())], "{name}");
        assert_eq!(list(&format!("{name}\r\n\t<a@x.y>")), [(expected.into(), "a@x.y".into())], "{name}");
    }
}

#[test]
fn an_encoded_word_is_never_an_address() {
    let mailbox = only("=?utf-8?q?jane=40corp.example?=");
    assert_eq!((&*mailbox.name, &*mailbox.address), ("jane@corp.example", ""));
    assert!(mailbox.has_encoded_address);
    check("=?utf-8?q?a=40x.y=2C_?= b@x.y", &[("a@x.y,", "b@x.y")]);
    check("=?utf-8?q?=3Ca=40x.y=3E?= <b@x.y>", &[("<a@x.y>", "b@x.y")]);
}

#[test]
fn an_address_in_a_name_is_part_of_it_and_told_when_it_was_encoded() {
    for (header, encoded) in [
        (r#""ceo@corp.example" <x@evil.example>"#, false),
        (r"ceo@corp.example <x@evil.example>", false),
        (r"<ceo@corp.example> <x@evil.example>", false),
        (r"=?utf-8?q?ceo=40corp.example?= <x@evil.example>", true),
        (r#""=?utf-8?b?Y2VvQGNvcnAuZXhhbXBsZQ==?=" <x@evil.example>"#, true),
        (r"ceo=?utf-8?q?=40?=corp.example <x@evil.example>", true),
        (r"ceo@=?utf-8?q?corp?=.example <x@evil.example>", true),
        (r"x@evil.example (=?utf-8?q?ceo?=@corp.example)", true),
    ] {
        let mailbox = only(header);
        assert_eq!((&*mailbox.name, &*mailbox.address), ("ceo@corp.example", "x@evil.example"), "{header}");
        assert_eq!(mailbox.has_encoded_address, encoded, "{header}");
    }
    // An encoded part elsewhere in the name hides no address, nor does one without a domain.
    assert!(!only("=?utf-8?q?Jane?= ceo@corp.example <x@evil.example>").has_encoded_address);
    assert!(!only("=?utf-8?q?Jane_=40_Corp?= <x@evil.example>").has_encoded_address);
}

#[test]
fn broken_headers_give_what_readers_see_and_say_so() {
    for (header, name, address, oddity) in [
        ("Jane <jane@x.y", "Jane", "jane@x.y", Some(Oddity::Unclosed)),
        ("\"Jane <jane@x.y>", "\"Jane", "jane@x.y", Some(Oddity::Unclosed)),
        ("Jane (IT <jane@x.y>", "Jane (IT", "jane@x.y", Some(Oddity::Unclosed)),
        ("<@a.b,@c.d:jane@x.y>", "", "jane@x.y", Some(Oddity::SourceRoute)),
        ("<@a.b,@c.d:jane@x.y", "", "jane@x.y", Some(Oddity::SourceRoute)),
        ("<a@x.y> <jane@x.y>", "a@x.y", "jane@x.y", Some(Oddity::SeveralAddresses)),
        ("a@x.y jane@x.y", "a@x.y", "jane@x.y", Some(Oddity::SeveralAddresses)),
        ("<jane@x.y@z>", "", "jane@x.y@z", None),
        ("jane@x.y>", "", "jane@x.y>", None),
        ("Jane\0\u{7f} <jane@x.y>", "Jane", "jane@x.y", None),
    ] {
        let mailbox = only(header);
        assert_eq!((&*mailbox.name, &*mailbox.address), (name, address), "{header:?}");
        let expected: Vec<_> = oddity.into_iter().collect();
        let found: Vec<_> = mailbox.oddities.iter().filter(|odd| expected.contains(odd)).collect();
        assert_eq!(found, expected, "{header:?}");
        assert_eq!(mailbox.oddities.is_empty(), expected.is_empty(), "{header:?}");
    }
    check("Jane <a@x.y, Bob <b@x.y>", &[("Jane", "a@x.y"), ("Bob", "b@x.y")]);
    check("", &[]);
    check(" \r\n\t", &[]);
    check("\\", &[("", "")]);
}

#[test]
fn raw_bytes_are_read_one_by_one() {
    assert_eq!(header_text("Jürgen".as_bytes()), "Jürgen");
    assert!(matches!(header_text("Jürgen".as_bytes()), Cow::Borrowed(_)));
    assert_eq!(header_text(b"J\xfcrgen Gro\xdf \x80 \x81"), "Jürgen Groß € \u{81}");
    assert_eq!(header_text(b"\xc3\xbc \xc3"), "ü Ã");
}

#[test]
fn limits_hold_and_are_told() {
    let many = "a@x.y,".repeat(MAILBOX_COUNT_MAX);
    let mut exact = parse_address_list(&many);
    assert_eq!(exact.by_ref().count(), MAILBOX_COUNT_MAX);
    assert!(exact.oddities().is_empty());
    let more = format!("{many}b@x.y");
    let mut list = parse_address_list(&more);
    assert_eq!(list.by_ref().count(), MAILBOX_COUNT_MAX);
    assert!(list.oddities().contains(Oddity::MailboxesCut));

    let long = format!("a@x.y, {}, b@x.y", "ü".repeat(HEADER_BYTES_MAX));
    let mut list = parse_address_list(&long);
    assert!(list.by_ref().all(|mailbox| mailbox.address != "b@x.y"));
    assert!(list.oddities().contains(Oddity::HeaderCut));

    let name = "ü".repeat(DISPLAY_NAME_BYTES_MAX / 2);
    let fits = format!("{name} <a@x.y>");
    assert_eq!((&*only(&fits).name, only(&fits).oddities.is_empty()), (&*name, true));
    for longer in
        [format!("{name}x <a@x.y>"), format!("\"{name}x\" <a@x.y>"), format!("{name} =?utf-8?q?x?= <a@x.y>")]
    {
        let mailbox = only(&longer);
        assert_eq!(mailbox.name.trim_end(), name);
        assert!(mailbox.oddities.contains(Oddity::NameCut));
    }
}

/// Quadratic work on the longest header would take minutes here.
#[test]
fn hostile_repetition_is_read_in_linear_time() {
    for piece in [
        "(",
        ")",
        "\"",
        "\\\"",
        "<",
        ">",
        "<<",
        "<\"",
        "=?",
        "=?a?q?",
        "=?utf-8?q??=",
        "=?utf-8?b?QUJD?= ",
        "a,",
        "a:",
        "a;",
        "[",
        "@",
        " @",
        "a@",
        "(a",
        "\\",
        "=",
        "\"=?",
        "<a@b",
        "a,(",
        "a,\"",
        ": <",
        "<@a,",
        "\u{feff}",
        "=?a?b?@?=,",
    ] {
        let header = piece.repeat(HEADER_BYTES_MAX / piece.len());
        let bytes: usize =
            parse_address_list(&header).map(|mailbox| mailbox.name.len() + mailbox.address.len()).sum();
        assert!(bytes <= MAILBOX_COUNT_MAX * DISPLAY_NAME_BYTES_MAX + 2 * HEADER_BYTES_MAX, "{piece}");
    }
}

#[test]
fn parts_of_the_sender_given_apart_count_before_the_header() {
    let message =
        |from: Option<&'static str>, name: Option<&'static str>, address: Option<&'static str>| Message {
            from: from.map(Cow::Borrowed),
            from_name: name.map(Cow::Borrowed),
            from_addr: address.map(Cow::Borrowed),
            ..Message::default()
        };
    for (from, name, address, expected) in [
        (Some("A <a@x.y>"), None, None, Some(("A", "a@x.y"))),
        (Some("A <a@x.y>"), Some("B"), None, Some(("B", "a@x.y"))),
        (Some("A <a@x.y>"), None, Some("b@x.y"), Some(("A", "b@x.y"))),
        (None, Some("\"=?utf-8?q?Ren=C3=A9e?= \\\"D\\\"\""), Some("<b@x.y>"), Some(("Renée \"D\"", "b@x.y"))),
        (None, Some("CORP\\jane"), None, Some(("CORP\\jane", ""))),
        (None, None, Some("B <b@x.y>"), Some(("B", "b@x.y"))),
        (Some("The CEO: a@x.y;"), None, None, Some(("The CEO", "a@x.y"))),
        (Some(""), None, None, None),
        (None, None, None, None),
    ] {
        let message = message(from, name, address);
        let sender = message.sender();
        let found = sender.as_ref().map(|sender| (&*sender.mailbox.name, &*sender.mailbox.address));
        assert_eq!(found, expected);
    }
    let message = message(Some("A <a@x.y>, b@x.y, c@x.y"), None, None);
    assert_eq!(message.sender().map(|sender| sender.further_count), Some(2));
}

#[test]
fn the_null_path_is_no_envelope_sender() {
    let with = |path: &'static str| Message { envelope_from: Some(path.into()), ..Message::default() };
    assert_eq!(with("<>").envelope_from_mailbox(), None);
    assert_eq!(with("<b@x.y>").envelope_from_mailbox().unwrap().mailbox.address, "b@x.y");
}

#[test]
fn recipients_over_the_limit_are_left_out_and_told() {
    let with = |count: usize| Message {
        recipients: (0..count).map(|number| Cow::Owned(format!("a{number}@x.y, b@x.y"))).collect(),
        ..Message::default()
    };
    let fits = with(RECIPIENT_COUNT_MAX / 2);
    assert_eq!(fits.recipient_mailboxes().count(), RECIPIENT_COUNT_MAX);
    assert!(fits.recipient_oddities().is_empty());
    let more = with(RECIPIENT_COUNT_MAX / 2 + 1);
    assert_eq!(more.recipient_mailboxes().count(), RECIPIENT_COUNT_MAX);
    assert!(more.recipient_oddities().contains(Oddity::MailboxesCut));
}

#[test]
fn the_owned_form_holds_all_of_the_borrowed() {
    let message =
        Message::from_eml(b"From: a@x.y\nFrom: b@x.y\nReply-To: c@x.y\nReturn-Path: <d@x.y>\nTo: e@x.y\n\n");
    let owned = message.to_match_message();
    let again = Message::from(&owned);
    assert_eq!(again.to_match_message(), owned);
    assert_eq!(again.recipients.len(), 1);
    assert!(again.oddities.contains(Oddity::SeveralFrom));
}

#[test]
fn the_headers_of_a_message_are_read_and_its_body_is_not() {
    let eml = b"Return-Path: <bounce@evil.example>\r\n\
        Received: from a by b; Mon, 1 Jan 2024 00:00:00 +0000\r\n\
        Delivered-To: victim@corp.example\r\nDelivered-To: A@corp.example\r\n\
        X-Original-To: VICTIM@corp.example\r\n\
        Subject: From: nobody@corp.example\r\n\
        FROM : =?utf-8?q?Jane?=\r\n\t=?utf-8?q?_Doe?= <jane@evil.example>\r\n\
        X-From: other@corp.example\r\nno colon here\r\n\
        To: a@corp.example,\r\n b@corp.example\r\nCc: C <c@corp.example>\r\n\
        Reply-to: J\xfcrgen <reply@evil.example>\r\n\
        \r\n\
        From: body@corp.example\r\nTo: body@corp.example\r\n";
    let message = Message::from_eml(eml);
    let sender = message.sender().unwrap().mailbox;
    assert_eq!((&*sender.name, &*sender.address), ("Jane Doe", "jane@evil.example"));
    assert_eq!(message.reply_to_mailbox().unwrap().mailbox.name, "Jürgen");
    assert_eq!(message.envelope_from_mailbox().unwrap().mailbox.address, "bounce@evil.example");
    let recipients: Vec<_> =
        message.recipient_mailboxes().map(|mailbox| mailbox.address.into_owned()).collect();
    assert_eq!(recipients, ["a@corp.example", "b@corp.example", "c@corp.example", "victim@corp.example"]);
    assert_eq!(message.oddities.iter().collect::<Vec<_>>(), [Oddity::RawBytes]);
}

#[test]
fn headers_beyond_the_limit_are_not_read_and_a_long_body_is_no_oddity() {
    let filler = "X-Filler: x\r\n".repeat(HEADER_BLOCK_BYTES_MAX / 13 + 1);
    let over = format!("From: a@x.y\r\n{filler}To: b@x.y\r\n\r\n");
    let message = Message::from_eml(over.as_bytes());
    assert_eq!((message.from.as_deref(), message.recipients.len()), (Some("a@x.y"), 0));
    assert!(message.oddities.contains(Oddity::HeaderCut));
    let body = format!("From: a@x.y\r\n\r\n{filler}");
    assert!(Message::from_eml(body.as_bytes()).oddities.is_empty());
    assert_eq!(Message::from_eml(b""), Message::default());
    assert_eq!(Message::from_eml(b"\r\n\r\nFrom: a@x.y"), Message::default());
}
