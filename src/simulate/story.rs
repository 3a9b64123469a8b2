//! The steps that journeys are told in: a visit, a chat, a return, a call. Each step moves the
//! story's clock forward; nothing here knows which story is told.

use jiff::{SignedDuration, Timestamp};
use rand::{Rng, RngExt, SeedableRng, rngs::StdRng, seq::IndexedRandom};

use super::{
    arrivals::{self, Arrival},
    ids, people,
    plan::{
        Browser, Channel, Communication, Evidence, Form, Journey, Line, PageView, Person, Provider,
        Scope, Speaker, Visit,
    },
    sample::{Page, sample},
};

/// Vendor numbers that one journey may use up.
const NUMBERS_EACH: u64 = 20;

/// What a communication is made of, beside the moment.
pub struct Appeal {
    pub provider: Provider,
    pub form: Form,
    pub channel: Channel,
    pub visit: Option<usize>,
    pub browser: usize,
    pub evidence: Evidence,
    pub gives_phone: bool,
}

/// A journey being told.
pub struct Story<'a> {
    scope: &'a Scope,
    pub rng: StdRng,
    pub journey: Journey,
    clock: Timestamp,
    site: usize,
    next_number: u64,
}

impl<'a> Story<'a> {
    /// Begins the journey of the person number `index`, who gives the phone number `phone`.
    pub fn new(scope: &'a Scope, index: usize, phone: usize) -> Self {
        let mut rng =
            StdRng::seed_from_u64(scope.seed ^ (index as u64).wrapping_mul(0x9E37_79B9_97F4_A7C1));
        let clock = match scope.live {
            true => scope.start,
            false => scope.start + part(scope.span - SignedDuration::from_hours(8), &mut rng),
        };
        let site = rng.random_range(0..scope.sites.len());
        let journey = Journey {
            person: people::person(scope.run, index, phone),
            browsers: Vec::new(),
            visits: Vec::new(),
            communications: Vec::new(),
        };
        let next_number = scope.run * 1_000 + index as u64 * NUMBERS_EACH;
        Self {
            scope,
            rng,
            journey,
            clock,
            site,
            next_number,
        }
    }

    pub fn person_mut(&mut self) -> &mut Person {
        &mut self.journey.person
    }

    fn number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number
    }

    /// Takes up a new browser; one that is not tracked is out of the hub's sight.
    pub fn browser(&mut self, tracked: bool) -> usize {
        let number = self.number();
        let made = people::browser(number, self.clock, &mut self.rng);
        self.journey.browsers.push(Browser { tracked, ..made });
        self.journey.browsers.len() - 1
    }

    /// A visit of one to five pages. The clock stops a little after the last page.
    pub fn visit(&mut self, browser: usize, arrival: &Arrival) -> usize {
        let pages = self.rng.random_range(1..=5);
        self.visit_of(browser, arrival, pages, 200)
    }

    /// A visit of one or two pages within a minute.
    pub fn short_visit(&mut self, browser: usize, arrival: &Arrival) -> usize {
        let pages = self.rng.random_range(1..=2);
        self.visit_of(browser, arrival, pages, 30)
    }

    /// A visit of one page, so that everything happens on the landing page.
    pub fn landing_visit(&mut self, browser: usize, arrival: &Arrival) -> usize {
        self.visit_of(browser, arrival, 1, 30)
    }

    fn visit_of(
        &mut self,
        browser: usize,
        arrival: &Arrival,
        pages: usize,
        longest_stay_s: i64,
    ) -> usize {
        let token = ids::letter_id('v', self.clock, &mut self.rng);
        let first = sample()
            .pages
            .choose(&mut self.rng)
            .expect("the sample has pages");
        let landing = arrival.land(&self.address(first), &mut self.rng);
        let mut views = vec![self.view(landing.url.clone(), &first.title, landing.referrer)];
        for _ in 1..pages {
            self.wait(6, longest_stay_s);
            let page = sample()
                .pages
                .choose(&mut self.rng)
                .expect("the sample has pages");
            let referrer = views[views.len() - 1].url.clone();
            views.push(self.view(self.address(page), &page.title, referrer));
        }
        self.wait(5, 30);
        let number = self
            .journey
            .visits
            .iter()
            .filter(|visit| visit.browser == browser)
            .count();
        self.journey.visits.push(Visit {
            token,
            browser,
            site: self.site,
            number: u32::try_from(number + 1).unwrap_or(u32::MAX),
            views,
            click_id: landing.click_id,
            utm: arrival.utm.clone(),
        });
        self.journey.visits.len() - 1
    }

    fn address(&self, page: &Page) -> String {
        format!("https://{}{}", self.scope.sites[self.site].host, page.path)
    }

    /// One view now. Few messages are sent late (a queue after a lost network) or twice.
    fn view(&mut self, url: String, title: &str, referrer: String) -> PageView {
        let late = self
            .rng
            .random_bool(0.05)
            .then(|| self.rng.random_range(30..900));
        let sent = self.clock + SignedDuration::from_secs(late.unwrap_or(0));
        PageView {
            message: ids::message_id(&mut self.rng),
            at: self.clock,
            sent: sent.min(self.scope.end()),
            repeated: self.rng.random_bool(0.05),
            url,
            title: title.to_owned(),
            referrer,
        }
    }

    fn wait(&mut self, shortest_s: i64, longest_s: i64) {
        self.clock += SignedDuration::from_secs(self.rng.random_range(shortest_s..=longest_s));
    }

    /// Goes away for longer than a visit may be silent: 40 minutes to some days, as the span allows.
    pub fn pause(&mut self) {
        let left =
            (self.scope.end() - SignedDuration::from_hours(3)).duration_since(self.clock) / 3;
        let longest = left.as_secs().clamp(2_400, 5 * 86_400);
        self.wait(2_400, longest);
    }

    /// Comes to the last minutes of the span, where events without a vendor's time belong: the hub
    /// can only date them by their arrival.
    pub fn come_to_the_end(&mut self) {
        if !self.scope.live {
            self.clock = self
                .clock
                .max(self.scope.end() - SignedDuration::from_mins(7));
        }
    }

    /// Somebody appeals now, with lines for a dialogue or one text for a form.
    pub fn appeal(&mut self, appeal: Appeal) -> usize {
        let started = self.clock;
        let phone_in_text = appeal.gives_phone && self.rng.random_bool(0.4);
        let mut lines = match appeal.form {
            Form::Chat => self.dialogue(phone_in_text),
            Form::Offline => vec![self.line(Speaker::Visitor, &sample().offline)],
            Form::Popup | Form::Callback => Vec::new(),
        };
        if phone_in_text && appeal.form == Form::Offline {
            let text = &mut lines[0].text;
            *text = format!(
                "{text}. {}",
                sample().phone_line(&self.journey.person.phone)
            );
        }
        let finished = lines.last().map_or(started, |line| line.at);
        let number = self.number();
        self.journey.communications.push(Communication {
            number,
            provider: appeal.provider,
            form: appeal.form,
            channel: appeal.channel,
            visit: appeal.visit,
            visit_when_reported: appeal.visit,
            browser: appeal.browser,
            evidence: appeal.evidence,
            bound: appeal.evidence == Evidence::Bind
                || (appeal.evidence == Evidence::Token && self.rng.random_bool(0.5)),
            started,
            finished,
            reported: finished + SignedDuration::from_secs(20),
            phone_in_text: phone_in_text && !lines.is_empty(),
            lines,
            gives_name: appeal.gives_phone || self.rng.random_bool(0.5),
            gives_phone: appeal.gives_phone,
            gives_email: appeal.gives_phone && self.rng.random_bool(0.3),
            operator: self.rng.random_range(0..sample().operators.len()),
            quirk: self.rng.random(),
        });
        self.journey.communications.len() - 1
    }

    /// Question, answers, perhaps a trigger before and a note between. The visitor speaks first, so
    /// the communication starts with the first line of the visitor.
    fn dialogue(&mut self, phone_in_text: bool) -> Vec<Line> {
        let words = sample();
        let mut lines = Vec::new();
        if self.rng.random_bool(0.3) {
            let at = self.clock - SignedDuration::from_secs(4);
            lines.push(Line {
                at,
                from: Speaker::Robot,
                text: words.trigger.clone(),
            });
        }
        lines.push(self.line(Speaker::Visitor, &words.questions));
        if phone_in_text {
            let text = words.phone_line(&self.journey.person.phone);
            lines.push(Line {
                at: self.clock,
                from: Speaker::Visitor,
                text,
            });
            self.wait(5, 40);
        }
        if self.rng.random_bool(0.1) {
            return lines;
        }
        if self.rng.random_bool(0.2) {
            lines.push(Line {
                at: self.clock,
                from: Speaker::Note,
                text: words.note.clone(),
            });
            self.wait(1, 10);
        }
        for _ in 0..self.rng.random_range(1..=2) {
            lines.push(self.line(Speaker::Operator, &words.answers));
            lines.push(self.line(Speaker::Visitor, &words.follow_ups));
        }
        lines.push(self.line(Speaker::Operator, &words.answers));
        lines
    }

    fn line(&mut self, from: Speaker, texts: &[String]) -> Line {
        let text = texts
            .choose(&mut self.rng)
            .expect("the sample has texts")
            .clone();
        let line = Line {
            at: self.clock,
            from,
            text,
        };
        self.wait(3, 25);
        line
    }

    /// The visitor comes back before the vendor's final webhook leaves: after a pause, or within
    /// minutes by another advertisement, which begins a visit of its own.
    pub fn return_before_report(&mut self, communication: usize, browser: usize) {
        let by_advertisement = self.rng.random_bool(0.4);
        if by_advertisement {
            self.wait(120, 600)
        } else {
            self.pause()
        }
        let arrival = match by_advertisement {
            true => arrivals::paid(&mut self.rng),
            false => arrivals::any(&mut self.rng),
        };
        let later = self.visit(browser, arrival);
        let communication = &mut self.journey.communications[communication];
        communication.visit_when_reported = Some(later);
        communication.reported = self.clock.min(self.scope.end());
    }

    /// Sets how long after the last message the final webhook leaves, in seconds.
    pub fn report_after(&mut self, communication: usize, shortest_s: i64, longest_s: i64) {
        let delay = SignedDuration::from_secs(self.rng.random_range(shortest_s..=longest_s));
        let communication = &mut self.journey.communications[communication];
        communication.reported = (communication.finished + delay).min(self.scope.end());
    }
}

/// A random part of a duration; nothing of a negative one.
fn part(whole: SignedDuration, rng: &mut impl Rng) -> SignedDuration {
    SignedDuration::from_secs(rng.random_range(0..=whole.as_secs().max(0)))
}
