//! What the user agent says about the browser, and whether a program stands behind it.

use crate::model::Device;
use woothee::parser::Parser;

/// Longest user agent kept, characters.
const MAX_USER_AGENT: usize = 512;

/// Programs that browse but name themselves otherwise than `…bot`; lower case.
const PROGRAMS: &[&str] = &[
    "headless",
    "phantomjs",
    "puppeteer",
    "playwright",
    "selenium",
    "webdriver",
    "lighthouse",
    "pagespeed",
    "gtmetrix",
    "pingdom",
    "yandexmetrika",
    "yandexdirect",
    "googleother",
    "google-inspectiontool",
    "adsbot",
    "python-requests",
    "aiohttp",
    "curl/",
    "wget/",
    "go-http-client",
    "okhttp",
    "node-fetch",
    "axios/",
];

/// Device as the library reads it, and whether it is a robot. The script's own flag
/// (`TrackerMessage::webdriver`) is the caller's to add.
pub fn device(user_agent: &str) -> (Device, bool) {
    let user_agent: String = user_agent
        .chars()
        .filter(|c| !c.is_control())
        .take(MAX_USER_AGENT)
        .collect();
    let user_agent = user_agent.trim();
    if user_agent.is_empty() {
        return (Device::default(), false);
    }
    let parsed = Parser::new().parse(user_agent).unwrap_or_default();
    let device = Device {
        user_agent: Some(user_agent.to_owned()),
        browser: known(parsed.name),
        browser_version: known(parsed.version),
        os: known(parsed.os),
        os_version: known(&parsed.os_version),
        kind: known(parsed.category),
        ..Device::default()
    };
    let lower = user_agent.to_ascii_lowercase();
    let is_robot = parsed.category == "crawler" || PROGRAMS.iter().any(|name| lower.contains(name));
    (device, is_robot)
}

fn known(value: &str) -> Option<String> {
    (!value.is_empty() && value != "UNKNOWN").then(|| value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_are_read_and_robots_flagged() {
        let chrome = "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like \
                      Gecko) Chrome/126.0.0.0 Mobile Safari/537.36";
        let (phone, is_robot) = device(chrome);
        assert_eq!(phone.browser.as_deref(), Some("Chrome"));
        assert_eq!(phone.os.as_deref(), Some("Android"));
        assert_eq!(phone.kind.as_deref(), Some("smartphone"));
        assert!(!is_robot);
        for robot in [
            "Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)",
            "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) \
             HeadlessChrome/126.0.0.0 Safari/537.36",
            "Mozilla/5.0 (compatible; YandexMetrika/2.0; +http://yandex.com/bots)",
            "curl/8.5.0",
        ] {
            assert!(device(robot).1, "{robot}");
        }
        assert_eq!(device(" \n"), (Device::default(), false));
        assert!(device(&"x".repeat(100_000)).0.user_agent.unwrap().len() <= MAX_USER_AGENT);
    }
}
