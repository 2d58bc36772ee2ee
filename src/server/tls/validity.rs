//! When a certificate is valid.

use std::time::{Duration, SystemTime};

use x509_parser::certificate::X509Certificate;

/// From when to when a certificate is valid, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// Not before this.
    pub from: SystemTime,
    /// Not after this.
    pub until: SystemTime,
}

impl Validity {
    /// As a certificate says.
    pub(crate) fn of(certificate: &X509Certificate<'_>) -> Self {
        let validity = certificate.validity();
        Self {
            from: system_time(validity.not_before.timestamp()),
            until: system_time(validity.not_after.timestamp()),
        }
    }

    /// Whether that is now.
    #[must_use]
    pub fn contains(&self, now: SystemTime) -> bool {
        self.from <= now && now <= self.until
    }
}

fn system_time(unix_seconds: i64) -> SystemTime {
    let distance = Duration::from_secs(unix_seconds.unsigned_abs());
    let time = if unix_seconds < 0 {
        SystemTime::UNIX_EPOCH.checked_sub(distance)
    } else {
        SystemTime::UNIX_EPOCH.checked_add(distance)
    };
    time.unwrap_or(SystemTime::UNIX_EPOCH)
}

/// A time for people; times that no calendar has are shown as the nearest one that it has.
pub(super) fn rfc3339(time: SystemTime) -> String {
    let limit =
        if time < SystemTime::UNIX_EPOCH { jiff::Timestamp::MIN } else { jiff::Timestamp::MAX };
    let seconds = jiff::Timestamp::try_from(time).unwrap_or(limit);
    seconds.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
