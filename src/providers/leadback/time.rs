//! Times of LeadBack. Their form and zone are guesses ("probably `YYYY-MM-DD HH:MM:SS`, Moscow
//! time"), settled by `form_callback.http` once it is a captured request; the zone is a setting.

use super::mapping::Mapping;
use crate::model::{IntegrationSettings, Timestamp};
use crate::providers::lenient::{Lenient, printed_time, unix_time};
use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};
use serde_json::Value;

/// Where the vendor is at home.
pub const DEFAULT_ZONE: &str = "Europe/Moscow";

/// The zone of times without one. Moscow has no summer time, so a machine without zone data still
/// knows it.
pub fn zone(settings: &IntegrationSettings) -> TimeZone {
    let name = settings.own_text("timezone").unwrap_or(DEFAULT_ZONE);
    TimeZone::get(name).unwrap_or_else(|_| TimeZone::fixed(Offset::constant(3)))
}

/// When the record's event happened: its first field that is a time, or a date and a time beside
/// each other.
pub fn of_record(mapping: &Mapping, zone: &TimeZone) -> Option<Timestamp> {
    let mut candidates = mapping.candidates("time");
    candidates
        .find_map(|(_, value)| read(value, zone))
        .or_else(|| {
            let texts: Vec<String> = mapping
                .candidates("time")
                .filter_map(|(_, value)| value.text(""))
                .collect();
            let date = texts.iter().find(|text| !text.contains(':'))?;
            let clock = texts.iter().find(|text| text.contains(':'))?;
            printed(&format!("{date} {clock}"), zone)
        })
}

/// A time: Unix in seconds or finer, or printed with its hours. A date alone is none.
pub fn read(value: &Value, zone: &TimeZone) -> Option<Timestamp> {
    unix_time(value).or_else(|| printed(&value.text("")?, zone))
}

fn printed(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    if !text.contains(':') {
        return None;
    }
    printed_time(text, zone).or_else(|| {
        let formats = ["%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M", "%Y-%m-%d %H:%M"];
        let local = formats
            .iter()
            .find_map(|format| DateTime::strptime(format, text).ok())?;
        Some(local.to_zoned(zone.clone()).ok()?.timestamp())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(record: Value, settings: &IntegrationSettings) -> Option<String> {
        let zone = zone(settings);
        of_record(&Mapping::new(&record, settings), &zone).map(|time| time.to_string())
    }

    #[test]
    fn times_are_read_in_moscow_unless_they_say_otherwise() {
        let settings = IntegrationSettings::default();
        for time in [
            json!("2025-03-04 12:31:07"),
            json!("2025-03-04T12:31:07"),
            json!("04.03.2025 12:31:07"),
            json!("2025-03-04T09:31:07Z"),
            json!("2025-03-04T10:31:07+01:00"),
            json!(1741080667),
            json!("1741080667"),
            json!(1741080667000_i64),
        ] {
            let record = json!({"date_create": time});
            assert_eq!(
                of(record, &settings).as_deref(),
                Some("2025-03-04T09:31:07Z"),
                "{time}"
            );
        }
        let record = json!({"date": "2025-03-04", "time": "12:31"});
        assert_eq!(
            of(record, &settings).as_deref(),
            Some("2025-03-04T09:31:00Z")
        );
        for none in [
            json!("2025-03-04"),
            json!("soon"),
            json!(""),
            json!(null),
            json!("25:61"),
        ] {
            assert_eq!(of(json!({"date_create": none}), &settings), None, "{none}");
        }
    }

    #[test]
    fn the_zone_is_a_setting_and_a_wrong_one_is_moscow() {
        let mut settings = IntegrationSettings::default();
        settings
            .own
            .insert("timezone".into(), "Asia/Yekaterinburg".into());
        let record = json!({"date_create": "2025-03-04 14:31:07"});
        assert_eq!(
            of(record.clone(), &settings).as_deref(),
            Some("2025-03-04T09:31:07Z")
        );
        settings
            .own
            .insert("timezone".into(), "Nowhere/Here".into());
        assert_eq!(
            of(record, &settings).as_deref(),
            Some("2025-03-04T11:31:07Z")
        );
    }
}
