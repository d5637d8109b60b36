//! How alike two names are: each rule with what it joins and what it keeps apart.

use persondb_data::normalize::names::{NAME_KEY_BYTES_MAX, NAME_WORDS_MAX, Name, Reach, Similarity, compare};
use persondb_protocol::matching::NameKind;

fn name(text: &str) -> Name {
    let mut name = Name::default();
    name.read(text);
    name
}

fn text(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).expect("a form is UTF-8")
}

fn similarity(query: &str, person: &str, reach: Reach) -> Option<Similarity> {
    compare(&name(query), &name(person), reach)
}

fn kind(query: &str, person: &str) -> Option<NameKind> {
    similarity(query, person, Reach::Usual).map(|similarity| similarity.kind)
}

/// Each pair agrees by `expected`, both ways round, and the third agrees with the second by no such rule.
fn assert_kind(expected: NameKind, cases: &[(&str, &str, &str)]) {
    for (query, person, near_miss) in cases {
        assert_eq!(kind(query, person), Some(expected), "{query} | {person}");
        if expected != NameKind::Extended {
            assert_eq!(kind(person, query), Some(expected), "{person} | {query}");
        }
        let near = kind(near_miss, person);
        assert!(near.is_none_or(|near| near > expected), "{near_miss} | {person}: {near:?}");
    }
}

#[test]
fn exact_is_the_same_but_for_case_width_and_white_space() {
    assert_kind(
        NameKind::Exact,
        &[
            ("Ｊｏｈｎ DOE", "john doe", "John Do"),
            (" John\u{a0} \tDoe ", "John Doe", "John, Doe"),
            ("Jo\u{308}rg Groß", "Jörg GROSS", "Jorg Gross"),
            ("\u{110c}\u{1165}ᆼ민수", "정민수", "정민"),
            ("محمد علي", "محمد علي", "مُحمد علي"),
        ],
    );
}

#[test]
fn folded_leaves_out_marks_apostrophes_punctuation_and_what_is_not_seen() {
    assert_kind(
        NameKind::Folded,
        &[
            ("Ana D'Souza", "Ana Dsouza", "Ana Dsouzah"),
            ("Seán O’Brien", "Sean OBrien", "Sean O Brien"),
            ("Jo\u{200d}hn\u{202e} Doe", "John Doe", "Jon Doe"),
            ("Jean-Luc Picard", "Jean Luc Picard", "JeanLuc Picard"),
            ("Łukasz Żółć", "Lukasz Zolc", "Lukasz Zolk"),
            ("مُحمد علي", "محمد علي", "احمد علي"),
            ("Νίκος Παππάς", "νικος παππας", "νικη παππα"),
        ],
    );
}

#[test]
fn umlauts_are_the_same_in_both_german_spellings_and_without() {
    assert_kind(
        NameKind::Folded,
        &[
            ("Juergen Mueller", "Jürgen Müller", "Juergen Moeller"),
            ("Jurgen Muller", "Jürgen Müller", "Jurgen Miller"),
            ("Ju\u{308}rgen Mu\u{308}ller", "Juergen Mueller", "Jurgen Muller"),
        ],
    );
    // One word spelled out and one not; turned and spelled out; joined.
    assert_eq!(kind("Jurgen Mueller", "Jürgen Müller"), Some(NameKind::Canonical));
    assert_eq!(kind("Mueller, Juergen", "Jürgen Müller"), Some(NameKind::Canonical));
    assert_eq!(kind("JuergenMueller", "Jürgen Müller"), Some(NameKind::Joined));
    assert_eq!(kind("Juergen Muellr", "Jürgen Müller"), Some(NameKind::Edit1));
    // Neither has an umlaut: two spellings of two names, one edit apart.
    assert_eq!(kind("Jurgen Mueller", "Jurgen Muller"), Some(NameKind::Edit1));
}

#[test]
fn canonical_turns_drops_titles_brackets_and_origin_and_ignores_order() {
    assert_kind(
        NameKind::Canonical,
        &[
            ("Smith, Jr., Dr John (IT)", "John Smith", "Smith, Johan (IT)"),
            ("Smith, John via DocuSign", "John Smith", "Smith via DocuSign"),
            ("'John Smith' via Staff", "John Smith", "Joan Smith via Staff"),
            ("Smith John", "John Smith", "Smith Johns"),
            ("Prof. Dr. h.c. Anna Maier", "Anna Maier", "Hanna Maier"),
            ("Maier, Anna Dr.", "Anna Maier", "Maier, Ana Dr."),
            ("John Smith, Ph.D.", "John Smith", "John Smith, P."),
            ("John Smith Ph.D.", "Smith, John", "John Smithe"),
            ("John Smith, M.D., MBA", "John Smith", "John Smith, M.X."),
            ("John Smith III", "John Smith", "John Smith I"),
            ("Doe，John（IT）", "John Doe", "John Doen"),
            ("Doe, John <john@example.com>", "John Doe", "Doe, Jon"),
            ("[EXT] John Doe", "John Doe", "EXT John Doe"),
            ("van der Berg, Jan", "Jan van der Berg", "Jan van den Berg"),
            ("吴, 磊", "磊 吴", "石 吴"),
        ],
    );
}

#[test]
fn canonical_never_drops_a_whole_name() {
    for (text_given, canonical) in [
        ("Dr. Smith", "smith"),
        ("Dr.", "dr"),
        ("Mag Smith", "mag smith"),
        ("Ing, Li", "li ing"),
        ("(IT)", "it"),
        ("John (Smith", "john smith"),
        ("Smith) John", "smith john"),
        ("Maria Via", "maria via"),
        ("Maria Via Lopez", "maria via lopez"),
        ("via DocuSign", "via docusign"),
        ("Jr., Dr.", "dr jr"),
        (",,,", ""),
        ("a, (b), c", "c a"),
        ("((a) b) c", "c"),
        ("Jan Berg, van der", "jan van der berg"),
        ("Berg, van der, Jan", "jan van der berg"),
        ("Berg, Jan van der", "jan van der berg"),
        ("van, der", "der van"),
    ] {
        assert_eq!(text(name(text_given).canonical()), canonical, "{text_given}");
    }
}

#[test]
fn joined_is_the_same_letters_with_other_gaps() {
    assert_kind(
        NameKind::Joined,
        &[
            ("JohnSmith", "John Smith", "JohnSmit"),
            ("Jo hnSmith", "John Smith", "Jo hnsmiht"),
            ("O Brien Sean", "OBrien Sean", "OBrienne Sean"),
            ("Doe, MaryAnn", "Mary Ann Doe", "Doe, MarieAnn"),
            ("王小明", "王 小明", "王小朋"),
            ("김철수", "김 철수", "김철호"),
        ],
    );
}

#[test]
fn confusable_is_the_same_to_the_eye() {
    assert_kind(
        NameKind::Confusable,
        &[
            ("J0hn Smith", "John Smith", "J8hn Smith"),
            ("Pаul Adams", "Paul Adams", "Paula Adams"),
            ("Smith, J0hn", "John Smith", "Smith, J8hn"),
            ("Wi11iarn Hill", "William Hill", "Wi77iam Hill"),
            ("Іgоr Роpоv", "Igor Popov", "Ihor Popov"),
            ("ЈΟΗΝ Smith", "John Smith", "ΥΑΝ Smith"),
            ("Вob Ѕmith", "Bob Smith", "вob Smith"),
            ("Вера Волкова", "Bepa Boлкoвa", "Вена Boлкoвa"),
        ],
    );
    let looks = similarity("J0hn Smith", "John Smith", Reach::Usual).expect("they look alike");
    assert!(looks.confusable);
    assert!(!similarity("Smith John", "John Smith", Reach::Usual).expect("the same words").confusable);
}

#[test]
fn first_and_last_agree_and_middles_may_conflict() {
    assert_kind(
        NameKind::FirstLast,
        &[("John Q. Doe", "John Doe", "John Q. Dow"), ("Doe, John Paul", "John Doe", "Doe, Jan Paul")],
    );
    for (query, person, conflict) in [
        ("John Q. Doe", "John Doe", false),
        ("John Q. Doe", "John Quentin Doe", false),
        ("John Q. Doe", "John R. Doe", true),
        ("John Quentin Doe", "John Quincy Doe", true),
        ("John Paul Q. Doe", "John Q. Doe", false),
        ("John Paul Q. Doe", "John Quentin Paul Doe", true),
        ("John Paul Q. Doe", "John R. Doe", true),
        ("Bob Q. Doe", "Robert R. Doe", true),
        ("Bob Q. Doe", "Robert Doe", false),
    ] {
        for (query, person) in [(query, person), (person, query)] {
            let similarity = similarity(query, person, Reach::Usual).expect("first and last agree");
            assert_eq!(similarity.middle_conflict, conflict, "{query} | {person}");
            assert_eq!(similarity.distance, 0);
        }
    }
}

#[test]
fn words_may_agree_by_eye_in_weaker_rules_too_and_that_is_told() {
    for (query, person, expected) in [
        ("J0hn Q. Doe", "John Doe", NameKind::FirstLast),
        ("J0hn Doe CEO", "John Doe", NameKind::Extended),
        ("Bob Srnith", "Robert Smith", NameKind::Nickname),
    ] {
        let similarity = similarity(query, person, Reach::Usual).expect("they look alike");
        assert_eq!((similarity.kind, similarity.confusable), (expected, true), "{query}");
    }
}

#[test]
fn extended_has_the_person_among_more() {
    assert_kind(
        NameKind::Extended,
        &[
            ("John Doe CEO", "John Doe", "John D CEO"),
            ("ACME John Doe", "John Doe", "ACME Johnny Doe X"),
            ("CEO John Doe | ACME Corp", "John Doe", "CEO Doe John ACME"),
            ("John Doe, CEO", "John Doe", "John, CEO"),
            ("Jürgen Müller Sales", "Juergen Mueller", "Jürgen Sales Möller X"),
        ],
    );
    assert_eq!(kind("John Doe", "John Doe CEO"), None, "the person has more, not the query");
}

#[test]
fn nicknames_agree_where_the_last_word_does() {
    assert_kind(
        NameKind::Nickname,
        &[
            ("Bob Smith", "Robert Smith", "Rob Smyth"),
            ("Bill Gates", "William Gates", "Bob Gates"),
            ("Smith, Bob", "Robert Q. Smith", "Smith, Bobo"),
            ("Peggy O'Neil", "Margaret ONeil", "Peggy Neil"),
            ("Chris Doe", "Christine Doe", "Christopher Doe"),
        ],
    );
    assert_eq!(kind("Christopher Doe", "Christine Doe"), None);
    assert_eq!(kind("Smith Bob", "Smith Robert"), None, "the last word is no first name");
}

#[test]
fn one_edit_may_be_overlooked_in_a_long_name_of_two_words() {
    assert_kind(
        NameKind::Edit1,
        &[
            ("Ann Homeir", "Ann Homeier", "Ann Homer"),
            ("Jon Smithe", "Jon Smitha", "Jo Smitheas"),
            ("Jhon Smith", "John Smith", "Jhno Smith"),
            ("Иван Петров", "Иван Петроф", "Иван Питкоф"),
            ("John Smth", "John Smith", "Jon Smth"),
        ],
    );
    let edited = similarity("Ann Homeir", "Ann Homeier", Reach::Usual).expect("one edit");
    assert_eq!(edited.distance, 1);
    for (query, person) in [
        ("Jo Smi", "Jo Smt"),
        ("Jon Doe", "Jan Doe"),
        ("Homeierxx", "Homeierxy"),
        ("Ann Doe", "Anna Doe"),
        ("A B C D E", "A B C D F"),
    ] {
        assert_eq!(kind(query, person), None, "{query} | {person}: too short, or one word");
    }
}

#[test]
fn an_initial_is_enough_for_the_most_important_people_only() {
    for (query, person, expected) in [
        ("J Doe", "John Doe", Some(NameKind::InitialLast)),
        ("J. Q. Doe", "John Doe", Some(NameKind::InitialLast)),
        ("Doe, J.", "Doe, John", Some(NameKind::InitialLast)),
        ("O. Doe", "Özil Doe", Some(NameKind::InitialLast)),
        ("И. Петров", "Иван Петров", Some(NameKind::InitialLast)),
        ("K Doe", "John Doe", None),
        ("Jo Doe", "John Doe", None),
        ("J Dow", "John Doe", None),
        ("John Doe", "J Doe", None),
    ] {
        let found = similarity(query, person, Reach::Vip);
        assert_eq!(found.map(|similarity| similarity.kind), expected, "{query} | {person}");
        assert_eq!(kind(query, person), None, "{query} | {person}");
    }
    assert_eq!(kind("J Doe", "J Doe"), Some(NameKind::Exact));
    let conflict = similarity("J. Q. Doe", "John R. Doe", Reach::Vip).expect("initial and last");
    assert!(conflict.middle_conflict);
}

#[test]
fn one_word_agrees_exactly_or_not_at_all() {
    assert_eq!(kind("MADONNA", "Madonna"), Some(NameKind::Exact));
    assert_eq!(kind("王小明", "王小明"), Some(NameKind::Exact));
    for (query, person) in [
        ("Madónna", "Madonna"),
        ("Madonna.", "Madonna"),
        ("Mad0nna", "Madonna"),
        ("Madonnna", "Madonna"),
        ("Madonna CEO", "Madonna"),
        ("Dr. Smith", "Dr Smith"),
        ("王小月", "王小明"),
    ] {
        assert_eq!(kind(query, person), None, "{query} | {person}");
        assert_eq!(kind(person, query), None, "{person} | {query}");
    }
}

#[test]
fn what_is_no_human_being_agrees_exactly_or_not_at_all() {
    let of = |query, person| similarity(query, person, Reach::Exact).map(|similarity| similarity.kind);
    assert_eq!(of("ＩＴ  support", "IT Support"), Some(NameKind::Exact));
    for query in ["IT-Support", "Support, IT", "ITSupport", "1T Support", "IT Support Desk", "IT Suport"] {
        assert_eq!(of(query, "IT Support"), None, "{query}");
    }
}

#[test]
fn names_of_nothing_agree_with_none() {
    for nothing in ["", " ", "—", "🚀", "\u{301}\u{301}", "\u{200b}", "(),<>", "\u{3164}"] {
        assert_eq!(name(nothing).word_count(), 0, "{nothing:?}");
        assert_eq!(similarity(nothing, nothing, Reach::Vip), None, "{nothing:?}");
        assert_eq!(similarity(nothing, "John Doe", Reach::Vip), None, "{nothing:?}");
    }
}

#[test]
fn oddities_of_the_spelling_are_told() {
    for (given, zero_width, mixed_script) in [
        ("John Doe", false, false),
        ("Jo\u{200d}hn Doe", true, false),
        ("\u{202e}eoD nhoJ", true, false),
        ("P\u{430}ul Doe", false, true),
        ("Паул Doe", false, false),
        ("王小明 John", false, false),
        ("東京タワー ひろし", false, false),
        ("Jörg Ｍüller", false, false),
        ("P\u{430}u\u{200b}l Doe", true, true),
    ] {
        let flags = name(given).flags();
        assert_eq!((flags.zero_width, flags.mixed_script), (zero_width, mixed_script), "{given:?}");
    }
}

#[test]
fn hostile_names_stay_within_the_limits() {
    let many = "x, (y) ".repeat(20_000);
    let hostile = [
        "a".repeat(100_000),
        "a ".repeat(50_000),
        "ü".repeat(50_000),
        "\u{301}".repeat(50_000),
        "(".repeat(100_000),
        "(a".repeat(50_000),
        ")(".repeat(50_000),
        ",".repeat(100_000),
        "\u{fdfa} ".repeat(30_000),
        "𝐉".repeat(20_000),
        "Dr. ".repeat(20_000),
        "via ".repeat(20_000),
        "王,".repeat(20_000),
        many,
    ];
    for text in &hostile {
        let read = name(text);
        assert!(read.word_count() <= NAME_WORDS_MAX);
        for form in [read.exact(), read.folded(), read.canonical(), read.german().unwrap_or_default()] {
            assert!(form.len() <= NAME_KEY_BYTES_MAX && str::from_utf8(form).is_ok());
        }
        let _ = read.flags();
        for other in &hostile {
            let _ = compare(&read, &name(other), Reach::Vip);
        }
    }
    // Words behind the sixteenth have no part.
    let long = format!("{} John Doe", "x ".repeat(15));
    assert_eq!(kind(&long, "John Doe"), None);
    assert_eq!(kind(&long.replacen("x ", "", 1), "John Doe"), Some(NameKind::Extended));
}

#[test]
fn one_name_is_read_again_and_again() {
    let mut reused = Name::default();
    for text in ["Jürgen Müller", "John Doe", "", "Doe, John (IT)", "ü".repeat(2000).as_str(), "Ann Doe"] {
        reused.read(text);
        let fresh = name(text);
        assert_eq!(
            (reused.exact(), reused.folded(), reused.canonical(), reused.german(), reused.word_count()),
            (fresh.exact(), fresh.folded(), fresh.canonical(), fresh.german(), fresh.word_count()),
            "{text:.20}"
        );
    }
}
