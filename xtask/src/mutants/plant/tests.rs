use super::*;
use crate::mutants::syntax::syntax;

#[test]
fn each_kind_of_mutant_is_behind_its_switch() {
    for (source, genre, what, replacement, planted) in [
        (
            "fn f() -> u8 { 5 }",
            Genre::Body,
            "5",
            "0",
            "fn f() -> u8 { if crate::mutant(1) { return 0; } 5 }",
        ),
        (
            "fn f() -> bool { a == b }",
            Genre::Operator,
            "==",
            "!=",
            "fn f() -> bool { (match (&(a), &(b)) { (__l, __r) => \
             if crate::mutant(1) { *__l != *__r } else { *__l == *__r } }) }",
        ),
        (
            "fn f() -> bool { a || b }",
            Genre::Operator,
            "||",
            "&&",
            "fn f() -> bool { ({ let __l: bool = a; \
             if __l == crate::mutant(1) { b } else { __l } }) }",
        ),
        (
            "fn f() { a -= b; }",
            Genre::Operator,
            "-=",
            "+=",
            "fn f() { match b { __r => if crate::mutant(1) { a += __r } else { a -= __r } }; }",
        ),
        (
            "fn f() -> bool { !a }",
            Genre::Sign,
            "!",
            "",
            "fn f() -> bool { ((a) == crate::mutant(1)) }",
        ),
        (
            "fn f() { match a { 1 => b, _ => c } }",
            Genre::Arm,
            "1 => b,",
            "",
            "fn f() { match a { 1 if !crate::mutant(1) => b, _ => c } }",
        ),
        (
            "fn f() { match a { x if y => b, _ => c } }",
            Genre::Guard,
            "y",
            "false",
            "fn f() { match a { x if !crate::mutant(1) && ((y)) => b, _ => c } }",
        ),
        (
            "fn f() -> S { S { a: 1, ..b() } }",
            Genre::Field,
            "a: 1,",
            "",
            "fn f() -> S { ({ let __b = b(); \
             S { a: if crate::mutant(1) { __b.a } else { 1 }, ..__b } }) }",
        ),
    ] {
        let mut mutant = mutant(1, source, what, replacement);
        mutant.genre = genre;
        let found = plant(source, &syntax(source).unwrap(), &[&mutant]);
        assert_eq!(found.text, planted);
    }
}

#[test]
fn mutants_within_and_beside_each_other_keep_their_places() {
    let source = "fn f() -> bool { a < b && !c }";
    let mut mutants = [
        mutant(1, source, "<", "=="),
        mutant(2, source, "<", ">"),
        mutant(3, source, "&&", "||"),
        mutant(4, source, "!", ""),
        mutant(5, source, "a < b && !c", "true"),
    ];
    mutants[3].genre = Genre::Sign;
    mutants[4].genre = Genre::Body;
    let found = plant(source, &syntax(source).unwrap(), &mutants.iter().collect::<Vec<_>>());
    assert_eq!(
        found.text,
        "fn f() -> bool { if crate::mutant(5) { return true; } \
         ({ let __l: bool = (match (&(a), &(b)) { (__l, __r) => \
         if crate::mutant(2) { *__l > *__r } else if crate::mutant(1) { *__l == *__r } \
         else { *__l < *__r } }); if __l != crate::mutant(3) { ((c) == crate::mutant(4)) } \
         else { __l } }) }"
    );
    let at = |text: &str| {
        let start = found.text.find(text).unwrap();
        start..start + text.len()
    };
    assert_eq!(found.blame(&at("*__l == *__r")), (vec![1], true));
    assert_eq!(found.blame(&at("&(a)")), (vec![1, 2], false), "not surely");
}

#[test]
fn beside_a_let_there_is_no_other_operator() {
    let source = "fn f() { if a && b && let Some(c) = d && c { e } }";
    let mutants = [0, 2, 25].map(|from| {
        let mut mutant = mutant(from, source, "&&", "||");
        let from = from as usize;
        let start = source[from..].find("&&").unwrap() + from;
        mutant.span = start..start + 2;
        mutant
    });
    let found = plant(source, &syntax(source).unwrap(), &mutants.iter().collect::<Vec<_>>());
    assert_eq!((found.text.as_str(), found.wrong.len()), (source, 3));
}

fn mutant(number: u32, source: &str, what: &str, replacement: &str) -> Mutant {
    let start = source.find(what).unwrap();
    Mutant {
        number,
        name: String::new(),
        file: String::new(),
        line: 1,
        genre: Genre::Operator,
        span: start..start + what.len(),
        replacement: replacement.to_owned(),
    }
}
