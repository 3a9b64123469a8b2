use super::*;
use crate::model::Outcome::{Matched, NoMatch, Rejected, Skipped};
use crate::model::{ChannelGroup, CommunicationId, Device, Utm, VisitId, VisitorId};

/// Seconds after the beginning of the stories; the first words come at 1,000.
fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_786_000_000 + seconds).unwrap()
}

const FIRST_WORDS: i64 = 1_000;

/// A visit of a visitor on site 1.
fn visit(id: i64, visitor: i64, started: i64) -> Visit {
    Visit {
        id: VisitId(id),
        visitor: VisitorId(visitor),
        visitor_key: format!("c{visitor}"),
        site: SiteId(1),
        key: format!("v{id}"),
        started_at: at(started),
        last_hit_at: at(started),
        marks: Marks::default(),
        channel_group: ChannelGroup::Direct,
        campaign: None,
        source: None,
        device: Device::default(),
        ip: None,
        country: None,
        city: None,
        is_robot: false,
        hits: 1,
    }
}

fn on_site(visit: Visit, site: i64) -> Visit {
    Visit {
        site: SiteId(site),
        ..visit
    }
}

/// A key on a visit, when the visitor's visit open at the first words is the same one, if it had
/// begun by then.
fn found(kind: KeyKind, named: Visit) -> Found {
    let open = (named.started_at <= at(FIRST_WORDS)).then(|| named.clone());
    Found {
        key: key(kind),
        seen_as: kind,
        key_at: named.started_at,
        told_on: Vec::new(),
        named,
        open,
        through: None,
        through_name: None,
    }
}

fn with_open(found: Found, open: Option<Visit>) -> Found {
    Found { open, ..found }
}

fn through(found: Found, name: Option<&str>) -> Found {
    Found {
        through: Some(CommunicationId(9)),
        through_name: name.map(str::to_owned),
        ..found
    }
}

fn key(kind: KeyKind) -> Key {
    let value = match kind {
        KeyKind::Phone => "+79035550142",
        KeyKind::Email => "irina@example.org",
        _ => "one",
    };
    Key::new(kind, value)
}

struct Asked<'a> {
    found: &'a [Found],
    site: Option<i64>,
    name: Option<&'a str>,
    marks: Marks,
    previous: Option<(Link, Option<Visit>)>,
    more_keys: Vec<Key>,
    is_messenger: bool,
}

fn asked(found: &[Found]) -> Asked<'_> {
    Asked {
        found,
        site: None,
        name: None,
        marks: Marks::default(),
        previous: None,
        more_keys: Vec::new(),
        is_messenger: false,
    }
}

impl Asked<'_> {
    fn choose(&self) -> Choice {
        let own = self.found.iter().map(|found| found.key.clone());
        let mut keys: Vec<Key> = own.chain(self.more_keys.iter().cloned()).collect();
        keys.sort();
        keys.dedup();
        choose(&Input {
            keys: &keys,
            first_words_at: at(FIRST_WORDS),
            name: self.name,
            is_messenger: self.is_messenger,
            found: self.found,
            site: self.site.map(SiteId),
            marks: &self.marks,
            previous: self
                .previous
                .as_ref()
                .map(|(link, visit)| (link, visit.as_ref())),
        })
    }
}

#[track_caller]
fn step<'a>(choice: &'a Choice, rule: &str) -> &'a ReceiptStep {
    let mut steps = choice.receipt.iter();
    steps
        .find(|step| step.step == rule)
        .expect("the rule is in the receipt")
}

/// Every rule with a kind of its evidence and its strength, from the strongest.
const LADDER: [(&str, KeyKind, Strength); 8] = [
    ("link.bound_chat", KeyKind::BoundChat, Strength::Exact),
    ("link.visit_id", KeyKind::Visit, Strength::Exact),
    ("link.bound_user", KeyKind::BoundUser, Strength::Exact),
    ("link.visitor_id", KeyKind::Visitor, Strength::Exact),
    ("link.code", KeyKind::Code, Strength::Strong),
    ("link.alias", KeyKind::MetricaClient, Strength::Strong),
    ("link.contact", KeyKind::Phone, Strength::Probable),
    ("link.client_mark", KeyKind::ClientMark, Strength::Probable),
];

#[test]
fn each_rule_decides_when_it_is_the_strongest_with_evidence() {
    for (place, (rule, kind, strength)) in LADDER.iter().enumerate() {
        let evidence: Vec<Found> = LADDER[place..]
            .iter()
            .map(|(_, kind, _)| found(*kind, visit(1, 1, 900)))
            .collect();
        let choice = asked(&evidence).choose();
        assert_eq!(choice.link.rule, *rule);
        assert_eq!(choice.link.strength, *strength, "{rule}");
        assert_eq!(choice.link.visit, Some(VisitId(1)), "{rule}");
        for (stronger, ..) in &LADDER[..place] {
            let tried = step(&choice, stronger);
            assert_eq!(tried.outcome, Skipped, "{stronger}");
            assert_eq!(tried.evidence["reason"], "nothing_to_look_for");
        }
        assert_eq!(step(&choice, rule).outcome, Matched);
        assert_eq!(step(&choice, rule).evidence["key"], kind.as_str());
        for (weaker, ..) in &LADDER[place + 1..] {
            let tried = step(&choice, weaker);
            assert_eq!(tried.outcome, Skipped, "{weaker}");
            assert_eq!(tried.evidence["reason"], "decided");
        }
    }
}

#[test]
fn a_key_that_leads_nowhere_is_told_without_the_contact() {
    for (rule, kind, _) in LADDER {
        let nothing = Asked {
            more_keys: vec![key(kind)],
            ..asked(&[])
        };
        let choice = nothing.choose();
        let tried = step(&choice, rule);
        assert_eq!(tried.outcome, NoMatch, "{rule}");
        assert_eq!(tried.evidence["key"], kind.as_str());
        assert!(!tried.evidence.to_string().contains("9035550142"));
        assert_eq!(choice.link.strength, Strength::Fallback);
    }
}

#[test]
fn the_open_visit_of_the_named_visitor_is_taken() {
    for (rule, kind, _) in &LADDER[1..7] {
        let later = found(*kind, visit(2, 1, 2_000));
        let evidence = [with_open(later, Some(visit(1, 1, 500)))];
        let choice = asked(&evidence).choose();
        assert_eq!(choice.link.visit, Some(VisitId(1)), "{rule}");
        assert_eq!(step(&choice, rule).evidence["named_visit"], "v2", "{rule}");
    }
}

#[test]
fn without_an_open_visit_the_clocks_may_differ_by_five_minutes() {
    for (rule, kind, _) in &LADDER[1..7] {
        for (started, expected, reason) in [
            (FIRST_WORDS + 1, Some(VisitId(1)), ""),
            (FIRST_WORDS + 300, Some(VisitId(1)), ""),
            (FIRST_WORDS + 301, None, "began_later"),
            (FIRST_WORDS - 5, None, "too_old"),
        ] {
            let evidence = [with_open(found(*kind, visit(1, 1, started)), None)];
            let choice = asked(&evidence).choose();
            assert_eq!(choice.link.visit, expected, "{rule} {started}");
            if expected.is_none() {
                assert_eq!(step(&choice, rule).outcome, Rejected);
                assert_eq!(step(&choice, rule).evidence["reason"], reason);
            }
        }
    }
}

#[test]
fn of_several_visits_the_latest_open_one_is_taken() {
    let evidence = [
        found(KeyKind::Visit, visit(1, 1, 100)),
        found(KeyKind::Visit, visit(3, 1, 900)),
        found(KeyKind::Visit, visit(2, 1, 500)),
    ];
    assert_eq!(asked(&evidence).choose().link.visit, Some(VisitId(3)));
}

#[test]
fn a_time_cut_to_the_second_counts_to_the_seconds_end() {
    assert_eq!(around(at(5)).as_microsecond() % 1_000_000, 999_999);
    let exact = Timestamp::from_microsecond(at(5).as_microsecond() + 1).unwrap();
    assert_eq!(around(exact), exact);
}

#[test]
fn a_chat_bound_in_several_visits_belongs_to_the_one_of_its_first_words() {
    let table: [(&[i64], Option<i64>, i64); 5] = [
        (&[100, 900, 2_000], None, 900),
        (&[2_000, 100], None, 100),
        // Both reports came later: the visitor had another visit open, or had none.
        (&[2_000, 3_000], Some(500), 500),
        (&[3_000, 2_000], None, 2_000),
        (&[1_001], Some(400), 400),
    ];
    for (starts, open, expected) in table {
        let evidence: Vec<Found> = starts
            .iter()
            .map(|started| {
                let bound = found(KeyKind::BoundChat, visit(*started, 1, *started));
                with_open(bound, open.map(|open| visit(open, 1, open)))
            })
            .collect();
        let choice = asked(&evidence).choose();
        assert_eq!(choice.link.visit, Some(VisitId(expected)), "{starts:?}");
        assert_eq!(choice.link.rule, "link.bound_chat");
    }
}

#[test]
fn the_vendors_numbers_stay_on_their_site_and_our_ids_go_everywhere() {
    for (kind, rule, crosses) in [
        (KeyKind::BoundChat, "link.bound_chat", false),
        (KeyKind::BoundUser, "link.bound_user", false),
        (KeyKind::ClientMark, "link.client_mark", false),
        (KeyKind::Visit, "link.visit_id", true),
        (KeyKind::Visitor, "link.visitor_id", true),
        (KeyKind::RoistatVisit, "link.alias", true),
        (KeyKind::Email, "link.contact", true),
    ] {
        let evidence = [found(kind, on_site(visit(1, 1, 900), 2))];
        let here = Asked {
            site: Some(1),
            ..asked(&evidence)
        };
        let choice = here.choose();
        assert_eq!(choice.link.visit.is_some(), crosses, "{rule}");
        if !crosses {
            assert_eq!(step(&choice, rule).outcome, Rejected);
            assert_eq!(step(&choice, rule).evidence["reason"], "another_site");
        }
        let anywhere = asked(&evidence).choose();
        assert_eq!(anywhere.link.visit, Some(VisitId(1)), "{rule}");
    }
}

#[test]
fn a_number_of_two_visitors_on_two_sites_is_refused_and_of_one_visitor_is_not() {
    let here = found(KeyKind::BoundUser, visit(1, 1, 900));
    for (visitor, expected) in [(2, None), (1, Some(VisitId(1)))] {
        let there = on_site(visit(2, visitor, 800), 2);
        let evidence = [here.clone(), found(KeyKind::BoundUser, there)];
        let choice = asked(&evidence).choose();
        assert_eq!(choice.link.visit, expected);
        if expected.is_none() {
            let tried = step(&choice, "link.bound_user");
            assert_eq!(tried.evidence["reason"], "several_sites");
        }
    }
}

#[test]
fn evidence_that_people_share_counts_for_one_visitor_only() {
    for (rule, kind) in [
        ("link.code", KeyKind::Code),
        ("link.alias", KeyKind::SiteUser),
        ("link.contact", KeyKind::Phone),
    ] {
        let mine = found(kind, visit(1, 1, 900));
        let same = [mine.clone(), found(kind, visit(2, 1, 950))];
        assert_eq!(asked(&same).choose().link.visit, Some(VisitId(2)), "{rule}");
        let other = found(kind, visit(3, 2, 950));
        let choice = asked(&[mine.clone(), other]).choose();
        assert_eq!(step(&choice, rule).outcome, Rejected, "{rule}");
        assert_eq!(step(&choice, rule).evidence["reason"], "several_visitors");
        // Whoever came only after the first words is no rival.
        let late = with_open(found(kind, visit(4, 2, 9_000)), None);
        let choice = asked(&[mine, late]).choose();
        assert_eq!(choice.link.visit, Some(VisitId(1)), "{rule}");
    }
}

#[test]
fn several_visitors_are_one_person_when_all_gave_the_writers_name() {
    let table = [
        (Some("Irina Orlova"), Some("irina  ORLOVA"), true),
        (Some("Irina Orlova"), Some("Pavel"), false),
        (Some("Irina Orlova"), None, false),
        (None, None, false),
    ];
    for (own, other, is_one) in table {
        let evidence = [
            through(found(KeyKind::Phone, visit(1, 1, 900)), own),
            through(found(KeyKind::Phone, visit(2, 2, 950)), other),
        ];
        let writer = Asked {
            name: own,
            ..asked(&evidence)
        };
        let choice = writer.choose();
        assert_eq!(choice.link.visit.is_some(), is_one, "{own:?} {other:?}");
    }
}

#[test]
fn a_mark_counts_when_it_is_near_and_the_only_one() {
    let mark = |id: i64, marked: i64| Found {
        key_at: at(marked),
        ..found(KeyKind::ClientMark, visit(id, id, 0))
    };
    let table: [(&str, Vec<Found>, Option<i64>, &str); 6] = [
        ("ten minutes before", vec![mark(1, 400)], Some(1), ""),
        ("ten minutes after", vec![mark(1, 1_600)], Some(1), ""),
        ("longer before", vec![mark(1, 399)], None, "too_far_in_time"),
        (
            "longer after",
            vec![mark(1, 1_601)],
            None,
            "too_far_in_time",
        ),
        (
            "two",
            vec![mark(1, 900), mark(2, 950)],
            None,
            "several_marks",
        ),
        (
            "twice in one visit",
            vec![mark(1, 900), mark(1, 950)],
            Some(1),
            "",
        ),
    ];
    for (case, evidence, expected, reason) in table {
        let choice = asked(&evidence).choose();
        assert_eq!(choice.link.visit, expected.map(VisitId), "{case}");
        if expected.is_none() {
            let tried = step(&choice, "link.client_mark");
            assert_eq!(tried.outcome, Rejected, "{case}");
            assert_eq!(tried.evidence["reason"], reason, "{case}");
        }
    }
}

#[test]
fn the_key_of_a_mark_is_among_those_looked_for_up_to_ten_minutes_away() {
    for order in [0, 1, 299, 599] {
        let looked_for = mark_keys("leadback", at(order));
        for gap in -600..=600 {
            let key = mark_key("leadback", at(order + gap));
            assert!(looked_for.contains(&key), "{order} {gap}");
        }
    }
}

#[test]
fn without_a_visit_the_providers_marks_are_the_weakest_word() {
    let utm = Utm {
        utm_source: Some("yandex".into()),
        ..Utm::default()
    };
    let told = Asked {
        marks: Marks {
            utm,
            ..Marks::default()
        },
        ..asked(&[])
    };
    let choice = told.choose();
    assert_eq!(choice.link.rule, "link.provider_marks");
    assert_eq!(choice.link.strength, Strength::MarksOnly);
    let tried = step(&choice, "link.provider_marks");
    assert_eq!(tried.outcome, Matched);
    assert_eq!(tried.evidence["utm_source"], "yandex");
    let nothing = asked(&[]).choose();
    assert_eq!(nothing.link.rule, "link.none");
    assert_eq!(step(&nothing, "link.provider_marks").outcome, NoMatch);
    let evidence = [found(KeyKind::Visit, visit(1, 1, 900))];
    let linked = asked(&evidence).choose();
    assert_eq!(step(&linked, "link.provider_marks").outcome, Skipped);
}

/// A link in force to visit 1 by an alias.
fn in_force(strength: Strength, rule: &str) -> Option<(Link, Option<Visit>)> {
    let link = Link {
        rule: rule.into(),
        strength,
        visit: Some(VisitId(1)),
    };
    Some((link, Some(visit(1, 1, 900))))
}

#[test]
fn a_visit_that_goes_on_on_another_site_counts_where_its_key_was_told() {
    for kind in [KeyKind::BoundChat, KeyKind::BoundUser, KeyKind::ClientMark] {
        for (told_on, site, is_linked) in [
            (vec![], 1, true),
            (vec![], 2, false),
            (vec![2], 2, true),
            (vec![2], 1, false),
            (vec![1, 2], 1, true),
        ] {
            let evidence = [Found {
                told_on: told_on.iter().copied().map(SiteId).collect(),
                ..found(kind, visit(1, 1, 900))
            }];
            let choice = Asked {
                site: Some(site),
                ..asked(&evidence)
            }
            .choose();
            assert_eq!(
                choice.link.visit.is_some(),
                is_linked,
                "{kind:?} {told_on:?} {site}"
            );
        }
    }
}

#[test]
fn a_code_counts_while_it_lives() {
    const DAY: i64 = 24 * 3600;
    let given = |person: i64, seconds: i64| Found {
        key_at: at(FIRST_WORDS + seconds),
        ..found(KeyKind::Code, visit(person, person, 900))
    };
    let table: [(&str, Vec<Found>, Option<i64>, &str); 8] = [
        ("a month ago", vec![given(1, -30 * DAY)], Some(1), ""),
        (
            "longer ago",
            vec![given(1, -30 * DAY - 1)],
            None,
            "code_not_live",
        ),
        ("clocks differ", vec![given(1, 300)], Some(1), ""),
        ("taken for a later line", vec![given(1, 301)], Some(1), ""),
        (
            "long after",
            vec![given(1, 31 * DAY)],
            None,
            "code_not_live",
        ),
        (
            "the same digits of another visit soon after",
            vec![given(1, -20 * DAY), given(2, 11 * DAY)],
            Some(1),
            "",
        ),
        (
            "the same digits of two visits, one after the other",
            vec![given(1, -31 * DAY), given(2, -60)],
            Some(2),
            "",
        ),
        (
            "codes of two visitors",
            vec![given(1, -60), given(2, -60)],
            None,
            "several_visitors",
        ),
    ];
    for (case, evidence, expected, reason) in table {
        let choice = asked(&evidence).choose();
        assert_eq!(choice.link.visit, expected.map(VisitId), "{case}");
        if expected.is_none() {
            assert_eq!(
                step(&choice, "link.code").evidence["reason"],
                reason,
                "{case}"
            );
        }
    }
}

#[test]
fn a_messenger_without_a_code_says_so() {
    for (is_messenger, outcome, reason) in [
        (true, NoMatch, "no_code"),
        (false, Skipped, "nothing_to_look_for"),
    ] {
        let choice = Asked {
            is_messenger,
            ..asked(&[])
        }
        .choose();
        let tried = step(&choice, "link.code");
        assert_eq!(
            (tried.outcome, &tried.evidence["reason"]),
            (outcome, &json!(reason))
        );
    }
}

#[test]
fn a_stored_link_gives_way_to_an_equal_or_stronger_one_only() {
    let table = [
        (KeyKind::Visit, "link.visit_id", false),
        (KeyKind::Code, "link.code", false),
        (KeyKind::Phone, "link.alias", true),
    ];
    for (kind, expected, is_kept) in table {
        let evidence = [found(kind, visit(2, 2, 950))];
        let linked = Asked {
            previous: in_force(Strength::Strong, "link.alias"),
            ..asked(&evidence)
        };
        let choice = linked.choose();
        assert_eq!(choice.link.rule, expected);
        assert_eq!(
            choice.visit.as_ref().map(|visit| visit.id),
            choice.link.visit
        );
        let kept = choice.receipt.iter().any(|step| step.step == "link.kept");
        assert_eq!(kept, is_kept, "{kind:?}");
    }
}

#[test]
fn a_stored_link_goes_when_its_own_evidence_speaks_against_it() {
    let evidence = [
        found(KeyKind::RoistatVisit, visit(1, 1, 900)),
        found(KeyKind::RoistatVisit, visit(2, 2, 950)),
    ];
    let linked = Asked {
        previous: in_force(Strength::Strong, "link.alias"),
        ..asked(&evidence)
    };
    let choice = linked.choose();
    assert_eq!(choice.link.strength, Strength::Fallback);
    assert_eq!(choice.visit, None);
}

#[test]
fn a_stored_link_whose_visit_is_gone_is_not_kept() {
    let mut linked = asked(&[]);
    linked.previous = in_force(Strength::Exact, "link.visit_id").map(|(link, _)| (link, None));
    assert_eq!(linked.choose().link.strength, Strength::Fallback);
}
