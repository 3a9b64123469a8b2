//! Goals: what a site says that a visitor has done (tracking.md 7.4).

use super::{Contact, GoalId, SiteId, Timestamp, VisitId};
use serde_json::{Map, Value};

/// Name of the goal that says how the visitor can be reached.
pub const LEAD: &str = "lead";

/// Something that a visitor did in a visit.
#[derive(Clone, Debug, PartialEq)]
pub struct Goal {
    pub id: GoalId,
    /// The visit it belongs to now: visits may be divided anew.
    pub visit: VisitId,
    /// The site whose page told it.
    pub site: SiteId,
    pub at: Timestamp,
    /// 1 to 64 characters, as the site named it.
    pub name: String,
    /// What the site told with it, as it came.
    pub data: Map<String, Value>,
}

impl Goal {
    /// How the visitor can be reached; nothing unless the goal is a lead.
    pub fn contact(&self) -> Contact {
        lead_contact(&self.name, &self.data)
    }
}

/// The contact in the data of a goal with this name: the fields `phone`, `email` and `name`, in any
/// letter case, of a lead. Forms with one field for all put a phone or an e-mail into the name.
pub fn lead_contact(name: &str, data: &Map<String, Value>) -> Contact {
    let mut contact = Contact::default();
    if name != LEAD {
        return contact;
    }
    for (field, value) in data {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => continue,
        };
        // What is none says nothing.
        match field.trim().to_lowercase().as_str() {
            "phone" => {
                let _ = contact.add_phone(&text);
            }
            "email" => {
                let _ = contact.add_email(&text);
            }
            "name" => add_name(&mut contact, &text),
            _ => (),
        }
    }
    contact
}

/// A name, or a phone or an e-mail in its place.
fn add_name(contact: &mut Contact, text: &str) {
    let is_number = text
        .chars()
        .all(|c| c.is_ascii_digit() || " +-()".contains(c));
    let is_contact =
        (is_number && contact.add_phone(text).is_ok()) || contact.add_email(text).is_ok();
    if !is_contact && !text.trim().is_empty() {
        contact.name = Some(text.trim().to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn told(name: &str, data: Value) -> (Option<String>, Vec<String>, Vec<String>) {
        let Value::Object(data) = data else {
            panic!("data is an object");
        };
        let contact = lead_contact(name, &data);
        (
            contact.name,
            contact
                .phones
                .iter()
                .map(|one| one.as_str().into())
                .collect(),
            contact
                .emails
                .iter()
                .map(|one| one.as_str().into())
                .collect(),
        )
    }

    #[test]
    fn a_lead_says_how_the_visitor_can_be_reached() {
        let phone = vec!["+79035550142".to_owned()];
        let email = vec!["irina@example.org".to_owned()];
        let table = [
            (
                json!({"Phone": "8 (903) 555-01-42", "EMAIL": " Irina@Example.org ", "name": " Irina "}),
                (Some("Irina".to_owned()), phone.clone(), email.clone()),
            ),
            (
                json!({"phone": 79_035_550_142_i64}),
                (None, phone.clone(), vec![]),
            ),
            (json!({"Name": "+7 903 555-01-42"}), (None, phone, vec![])),
            (json!({"name": "irina@example.org"}), (None, vec![], email)),
            (
                json!({"name": "Flat 903 555 01 42", "phone": ["89035550142"], "email": null}),
                (Some("Flat 903 555 01 42".to_owned()), vec![], vec![]),
            ),
            (
                json!({"phone": "soon", "email": "a@b"}),
                (None, vec![], vec![]),
            ),
        ];
        for (data, expected) in table {
            assert_eq!(told(LEAD, data.clone()), expected, "{data}");
        }
        let other = told("order", json!({"phone": "89035550142"}));
        assert_eq!(other, (None, vec![], vec![]));
    }
}
