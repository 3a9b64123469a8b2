//! Compares what the hub says about the communications of a run with the truth.
//!
//! A link is wrong when it is exact or strong and names another visit than the true one, or when it
//! is weaker and names a visit of another person. Recall is the share of communications with a
//! trace of their visit that got a right link.

use std::{collections::HashMap, fmt};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{
    carrotquest, jivosite,
    plan::{Communication, Form, Journey, Provider, Site},
    wire::Scene,
};

/// Communications without a vendor's number are known by phone and a time within this window.
const NEAR: SignedDuration = SignedDuration::from_mins(20);
/// Wrong links that a report tells in words.
const TOLD: usize = 10;

/// How one provider fared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Score {
    pub provider: Provider,
    pub planned: usize,
    /// Planned ones that the hub has.
    pub found: usize,
    /// Those with a trace of their visit.
    pub linkable: usize,
    /// Linkable ones with a right link.
    pub linked: usize,
    /// Wrong links of all planned ones.
    pub wrong: usize,
}

impl Score {
    /// Share of linkable communications with a right link, 0 to 1; 1 when there is none to link.
    pub fn recall(&self) -> f64 {
        if self.linkable == 0 {
            1.0
        } else {
            self.linked as f64 / self.linkable as f64
        }
    }
}

/// The comparison of a whole run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    pub scores: Vec<Score>,
    /// Communications of the run's integrations that nobody planned: repetitions taken twice, or
    /// noise taken for an appeal.
    pub unplanned: usize,
    /// The first wrong links and the first losses, in words.
    pub told: Vec<String>,
}

impl Verdict {
    pub fn wrong(&self) -> usize {
        self.scores.iter().map(|score| score.wrong).sum()
    }

    /// Planned communications that the hub does not have.
    pub fn missing(&self) -> usize {
        self.scores
            .iter()
            .map(|score| score.planned - score.found)
            .sum()
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<12} {:>8} {:>8} {:>9} {:>7} {:>7} {:>6}",
            "provider", "planned", "found", "linkable", "linked", "recall", "wrong"
        )?;
        for score in &self.scores {
            let recall = format!("{:.1}%", score.recall() * 100.0);
            let Score {
                planned,
                found,
                linkable,
                linked,
                wrong,
                ..
            } = score;
            let provider = score.provider.slug();
            writeln!(
                f,
                "{provider:<12} {planned:>8} {found:>8} {linkable:>9} {linked:>7} {recall:>7} {wrong:>6}"
            )?;
        }
        writeln!(
            f,
            "wrong links {}, missing {}, unplanned {}",
            self.wrong(),
            self.missing(),
            self.unplanned
        )?;
        self.told
            .iter()
            .try_for_each(|line| writeln!(f, "  {line}"))
    }
}

/// Compares planned journeys with items of `GET /api/v1/communications`. `integrations` are the ids
/// of the run's integrations; items received before `since` are of earlier runs.
pub fn compare(
    journeys: &[Journey],
    sites: &[Site],
    integrations: &HashMap<Provider, i64>,
    since: Timestamp,
    items: &[Value],
) -> Verdict {
    let mut shelf = Shelf::new(integrations, since, items);
    let persons = persons_by_visit(journeys);
    let mut verdict = Verdict::default();
    for provider in Provider::ALL {
        verdict.scores.push(Score {
            provider,
            planned: 0,
            found: 0,
            linkable: 0,
            linked: 0,
            wrong: 0,
        });
    }
    for (person, journey) in journeys.iter().enumerate() {
        for communication in &journey.communications {
            let scene = Scene {
                journey,
                communication,
                sites,
            };
            let item = shelf.take(&scene, integrations);
            let place = Provider::ALL
                .iter()
                .position(|provider| *provider == communication.provider);
            let score = &mut verdict.scores[place.expect("all providers have a score")];
            let outcome = item.map(|item| judge(&scene, person, &persons, item));
            score.planned += 1;
            score.found += usize::from(item.is_some());
            let linkable = communication.evidence.should_link();
            score.linkable += usize::from(linkable);
            score.linked += usize::from(linkable && outcome == Some(Outcome::Right));
            score.wrong += usize::from(outcome == Some(Outcome::Wrong));
            if verdict.told.len() < TOLD {
                verdict.told.extend(tell(&scene, item, outcome));
            }
        }
    }
    verdict.unplanned = shelf.left();
    verdict
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Unlinked,
    Right,
    Wrong,
}

fn judge(scene: &Scene, person: usize, persons: &HashMap<&str, usize>, item: &Value) -> Outcome {
    if item["visit"].is_null() {
        return Outcome::Unlinked;
    }
    let linked = item["visit"]["key"].as_str().unwrap_or("");
    let right = match item["link"]["strength"].as_str() {
        Some("exact" | "strong") => scene.visit().is_some_and(|visit| visit.token == linked),
        _ => persons.get(linked) == Some(&person),
    };
    if right {
        Outcome::Right
    } else {
        Outcome::Wrong
    }
}

/// A line about a communication that went wrong.
fn tell(scene: &Scene, item: Option<&Value>, outcome: Option<Outcome>) -> Option<String> {
    let Communication {
        provider,
        form,
        evidence,
        number,
        ..
    } = scene.communication;
    let provider = provider.slug();
    match (item, outcome) {
        (None, _) => Some(format!(
            "missing: {provider} {form:?} {number}, {evidence:?}"
        )),
        (Some(item), Some(Outcome::Wrong)) => {
            let truth = scene
                .visit()
                .map_or("no visit", |visit| visit.token.as_str());
            let (id, link, visit) = (&item["id"], &item["link"], &item["visit"]["key"]);
            Some(format!(
                "wrong: communication {id}, {provider} {form:?} {number}, {evidence:?}: {link} to {visit}, truly {truth}"
            ))
        }
        (Some(item), Some(Outcome::Unlinked)) if scene.communication.evidence.should_link() => {
            Some(format!(
                "not linked: communication {}, {provider} {form:?} {number}, {evidence:?}",
                item["id"]
            ))
        }
        _ => None,
    }
}

fn persons_by_visit(journeys: &[Journey]) -> HashMap<&str, usize> {
    let all = journeys.iter().enumerate();
    all.flat_map(|(person, journey)| {
        journey
            .visits
            .iter()
            .map(move |visit| (visit.token.as_str(), person))
    })
    .collect()
}

/// The hub's communications, found by integration and number, each taken at most once.
struct Shelf<'a> {
    items: Vec<Option<&'a Value>>,
    by_number: HashMap<(i64, &'a str), Vec<usize>>,
    by_phone: HashMap<(i64, &'a str), Vec<usize>>,
}

impl<'a> Shelf<'a> {
    fn new(integrations: &HashMap<Provider, i64>, since: Timestamp, items: &'a [Value]) -> Self {
        let ours = |item: &&Value| {
            let integration = item["integration_id"].as_i64();
            integrations.values().any(|id| Some(*id) == integration)
                && time(&item["received_at"]).is_none_or(|received| received >= since)
        };
        let mut shelf = Self {
            items: Vec::new(),
            by_number: HashMap::new(),
            by_phone: HashMap::new(),
        };
        for item in items.iter().filter(ours) {
            let place = shelf.items.len();
            let integration = item["integration_id"].as_i64().unwrap_or(0);
            let external = item["external_id"].as_str().unwrap_or("");
            for number in external
                .split(|letter: char| !letter.is_ascii_digit())
                .filter(|run| !run.is_empty())
            {
                shelf
                    .by_number
                    .entry((integration, number))
                    .or_default()
                    .push(place);
            }
            for phone in item["contact"]["phones"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
            {
                shelf
                    .by_phone
                    .entry((integration, phone.trim_start_matches('+')))
                    .or_default()
                    .push(place);
            }
            shelf.items.push(Some(item));
        }
        shelf
    }

    fn take(&mut self, scene: &Scene, integrations: &HashMap<Provider, i64>) -> Option<&'a Value> {
        let integration = *integrations.get(&scene.communication.provider)?;
        let by_number = numbers(scene).iter().find_map(|number| {
            self.first(self.by_number.get(&(integration, number.as_str()))?, |_| {
                true
            })
        });
        let near = |item: &Value| {
            let started = time(&item["started_at"]);
            started.is_some_and(|at| at.duration_since(scene.communication.started).abs() < NEAR)
        };
        let place = by_number.or_else(|| {
            let phone = scene.person().phone.as_str();
            self.first(self.by_phone.get(&(integration, phone))?, near)
        })?;
        self.items[place].take()
    }

    fn first(&self, places: &[usize], fits: impl Fn(&Value) -> bool) -> Option<usize> {
        places
            .iter()
            .copied()
            .find(|place| self.items[*place].is_some_and(&fits))
    }

    fn left(&self) -> usize {
        self.items.iter().flatten().count()
    }
}

/// Numbers that the hub may know a communication by.
fn numbers(scene: &Scene) -> Vec<String> {
    let communication = scene.communication;
    let number = communication.number.to_string();
    match (communication.provider, communication.form) {
        (Provider::JivoSite, Form::Offline) => {
            vec![jivosite::offline_message_id(scene).to_string(), number]
        }
        (Provider::JivoSite, Form::Popup) => vec![scene.browser().jivo_number.to_string()],
        (Provider::CarrotQuest, _) => vec![carrotquest::conversation_id(communication).to_string()],
        _ => vec![number],
    }
}

fn time(value: &Value) -> Option<Timestamp> {
    value.as_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::simulate::plan::testing;

    fn integrations() -> HashMap<Provider, i64> {
        Provider::ALL.into_iter().zip(1..).collect()
    }

    /// What a perfect hub would answer; `wish` may spoil it.
    fn answers(
        journeys: &[Journey],
        sites: &[Site],
        mut wish: impl FnMut(&Scene, &mut Value),
    ) -> Vec<Value> {
        let mut items = Vec::new();
        for journey in journeys {
            for communication in &journey.communications {
                let scene = Scene {
                    journey,
                    communication,
                    sites,
                };
                let strength = if communication.evidence.names_visit() {
                    "exact"
                } else {
                    "probable"
                };
                let token = scene
                    .visit()
                    .or(journey.visits.first())
                    .map(|visit| visit.token.as_str());
                let mut item = json!({
                    "id": items.len() + 1,
                    "integration_id": integrations()[&communication.provider],
                    "external_id": format!("chat:{}", numbers(&scene)[0]),
                    "started_at": communication.started.to_string(),
                    "received_at": "2026-03-21T00:00:05Z",
                    "contact": {"phones": [format!("+{}", journey.person.phone)]},
                    "visit": {"key": token},
                    "link": {"strength": strength},
                });
                if !communication.evidence.should_link() {
                    item["visit"] = Value::Null;
                }
                wish(&scene, &mut item);
                items.push(item);
            }
        }
        items
    }

    fn verdict(wish: impl FnMut(&Scene, &mut Value)) -> Verdict {
        let scope = testing::scope(400);
        let journeys = crate::simulate::journeys::journeys(&scope);
        let items = answers(&journeys, &scope.sites, wish);
        compare(
            &journeys,
            &scope.sites,
            &integrations(),
            scope.end(),
            &items,
        )
    }

    #[test]
    fn a_perfect_hub_has_full_recall_and_nothing_to_tell() {
        let verdict = verdict(|_, _| {});
        assert_eq!(
            (verdict.wrong(), verdict.missing(), verdict.unplanned),
            (0, 0, 0),
            "{verdict}"
        );
        assert!(
            verdict
                .scores
                .iter()
                .all(|score| score.recall() == 1.0 && score.linkable > 0)
        );
    }

    #[test]
    fn an_exact_link_to_another_visit_of_the_same_person_is_wrong() {
        let mut spoiled = 0;
        let verdict = verdict(|scene, item| {
            let other = scene
                .communication
                .visit
                .and_then(|place| place.checked_sub(1));
            if let Some(other) = other.filter(|_| scene.has(crate::simulate::plan::Evidence::Token))
            {
                item["visit"]["key"] = json!(scene.journey.visits[other].token);
                spoiled += 1;
            }
        });
        assert_eq!(verdict.wrong(), spoiled);
        assert!(spoiled > 0 && verdict.told[0].starts_with("wrong: "));
    }

    #[test]
    fn a_probable_link_may_name_any_visit_of_the_person_but_of_nobody_else() {
        let stranger = |_: &Scene, item: &mut Value| {
            if item["link"]["strength"] == "probable" {
                item["visit"] = json!({"key": "v0000000000000000000000000"});
            }
        };
        let scope = testing::scope(400);
        let journeys = crate::simulate::journeys::journeys(&scope);
        let weak = journeys
            .iter()
            .flat_map(|journey| &journey.communications)
            .filter(|one| !one.evidence.names_visit());
        assert_eq!(verdict(stranger).wrong(), weak.count());
    }

    #[test]
    fn losses_and_doubles_are_counted() {
        let scope = testing::scope(60);
        let journeys = crate::simulate::journeys::journeys(&scope);
        let mut items = answers(&journeys, &scope.sites, |_, _| {});
        let double = items[3].clone();
        items[0] = double;
        let verdict = compare(
            &journeys,
            &scope.sites,
            &integrations(),
            scope.end(),
            &items,
        );
        assert_eq!((verdict.missing(), verdict.unplanned), (1, 1), "{verdict}");
    }

    #[test]
    fn a_row_without_the_vendors_number_is_known_by_phone_and_time() {
        let verdict = verdict(|_, item| item["external_id"] = Value::Null);
        let shared_or_late = verdict.missing();
        assert!(
            verdict.wrong() == 0
                && shared_or_late * 2 < verdict.scores.iter().map(|score| score.planned).sum()
        );
    }
}
