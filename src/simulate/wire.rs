//! A planned communication as the HTTP requests that tell the hub about it. The vendors' formats
//! are in the modules named after them; this one has what they share and the choice among them.

use jiff::Timestamp;

use super::{
    carrotquest, jivosite, leadback,
    plan::{Browser, Channel, Communication, Evidence, Journey, Person, Provider, Site, Visit},
    talkme, tracker,
};

/// Which of the hub's addresses a request goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// Hits of a site (index into the sites of the scope).
    Tracker(usize),
    /// The address of an integration for chats.
    Chats(Provider),
    /// Its second address, for offline leads.
    Leads(Provider),
    /// Its address for one messenger.
    Messenger(Provider, Channel),
}

/// One request, with the moment its sender would send it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub due: Timestamp,
    pub door: Door,
    pub method: &'static str,
    /// What follows the question mark.
    pub query: Option<String>,
    pub content_type: Option<String>,
    pub user_agent: String,
    /// The address of the browser, for the header that a proxy adds.
    pub forwarded_for: Option<String>,
    pub body: Vec<u8>,
}

impl Request {
    /// A POST of a JSON body.
    pub fn json(due: Timestamp, door: Door, body: &serde_json::Value) -> Self {
        Self::post(due, door, "application/json", body.to_string())
    }

    /// A POST of any body.
    pub fn post(due: Timestamp, door: Door, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            due,
            door,
            method: "POST",
            query: None,
            content_type: Some(content_type.to_owned()),
            user_agent: "skvoz-simulate".to_owned(),
            forwarded_for: None,
            body: body.into(),
        }
    }
}

/// One communication with everything a wire format wants to know around it.
#[derive(Clone, Copy)]
pub struct Scene<'a> {
    pub journey: &'a Journey,
    pub communication: &'a Communication,
    pub sites: &'a [Site],
}

impl<'a> Scene<'a> {
    pub fn person(&self) -> &'a Person {
        &self.journey.person
    }

    pub fn browser(&self) -> &'a Browser {
        &self.journey.browsers[self.communication.browser]
    }

    /// The visit it truly came from.
    pub fn visit(&self) -> Option<&'a Visit> {
        self.communication
            .visit
            .map(|place| &self.journey.visits[place])
    }

    /// The visit going on when the final webhook leaves, and so the one whose id comes back.
    pub fn visit_when_reported(&self) -> Option<&'a Visit> {
        let place = self.communication.visit_when_reported;
        place.map(|place| &self.journey.visits[place])
    }

    /// The first visit of the same browser, which first-touch marks describe.
    pub fn first_visit(&self) -> Option<&'a Visit> {
        let own = self.communication.browser;
        self.visit()?;
        self.journey
            .visits
            .iter()
            .find(|visit| visit.browser == own)
    }

    /// The host of the site it came from, or of the first site.
    pub fn host(&self) -> &'a str {
        &self.sites[self.visit().map_or(0, |visit| visit.site)].host
    }

    pub fn has(&self, evidence: Evidence) -> bool {
        self.communication.evidence == evidence
    }

    /// The phone in one of its spellings, when the person gives it.
    pub fn phone(&self) -> Option<String> {
        let way = self.communication.quirk / 7;
        let spelt = || super::sample::spell_phone(&self.person().phone, way);
        self.communication.gives_phone.then(spelt)
    }

    pub fn name(&self) -> Option<&'a str> {
        self.communication
            .gives_name
            .then_some(self.person().name.as_str())
    }

    pub fn email(&self) -> Option<&'a str> {
        self.communication
            .gives_email
            .then_some(self.person().email.as_str())
    }
}

/// Every request of a journey: the tracker's and the vendors', not yet in order of time.
pub fn requests(journey: &Journey, sites: &[Site]) -> Vec<Request> {
    let mut all = tracker::requests(journey, sites);
    for communication in &journey.communications {
        let scene = Scene {
            journey,
            communication,
            sites,
        };
        all.extend(match communication.provider {
            Provider::JivoSite => jivosite::requests(&scene),
            Provider::TalkMe | Provider::Verbox => talkme::requests(&scene),
            Provider::CarrotQuest => carrotquest::requests(&scene),
            Provider::LeadBack => leadback::requests(&scene),
        });
    }
    all
}

/// What vendors send beside communications: probes, messages of other kinds, broken bodies. None
/// of it may become a communication.
pub fn noise(at: Timestamp) -> Vec<Request> {
    let vendors = [
        jivosite::noise(at),
        talkme::noise(at),
        carrotquest::noise(at),
        leadback::noise(at),
    ];
    vendors.into_iter().flatten().collect()
}

#[cfg(test)]
pub mod testing {
    //! The requests of the test plan, each beside its scene.

    use super::*;
    use crate::simulate::plan::{Scope, testing};

    /// Calls `look` with each communication of a provider and its requests.
    pub fn each(provider: Provider, mut look: impl FnMut(&Scene, Vec<Request>)) {
        let (Scope { sites, .. }, journeys) = testing::plan();
        let mut seen = 0;
        for journey in &journeys {
            for communication in journey
                .communications
                .iter()
                .filter(|one| one.provider == provider)
            {
                let scene = Scene {
                    journey,
                    communication,
                    sites: &sites,
                };
                let requests = match provider {
                    Provider::JivoSite => jivosite::requests(&scene),
                    Provider::TalkMe | Provider::Verbox => talkme::requests(&scene),
                    Provider::CarrotQuest => carrotquest::requests(&scene),
                    Provider::LeadBack => leadback::requests(&scene),
                };
                look(&scene, requests);
                seen += 1;
            }
        }
        assert!(seen > 50, "only {seen} of {provider:?}");
    }

    /// The body of a JSON request.
    pub fn body(request: &Request) -> serde_json::Value {
        serde_json::from_slice(&request.body).unwrap()
    }

    /// The last ten digits of a Russian phone in any spelling.
    pub fn phone_tail(text: &str) -> String {
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        digits[digits.len() - 10..].to_owned()
    }
}
