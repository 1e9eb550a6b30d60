//! Programs that look for SIP servers to break into, by what they call themselves.

/// The names that are known, as data.
const KNOWN: &str = include_str!("scanners.txt");

/// Beginnings of User-Agent values.
#[derive(Debug, Clone)]
pub(super) struct Scanners(Vec<Vec<u8>>);

impl Scanners {
    /// The known ones and more.
    pub(super) fn with(more: &[String]) -> Self {
        let known = KNOWN.lines().filter(|line| !line.starts_with('#'));
        let all = known.chain(more.iter().map(String::as_str)).map(|name| name.trim().as_bytes().to_ascii_lowercase());
        Self(all.filter(|name| !name.is_empty()).collect())
    }

    pub(super) fn matches(&self, agent: &[u8]) -> bool {
        let begins = |name: &Vec<u8>| agent.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name));
        self.0.iter().any(begins)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scanners_are_known_by_the_beginning_of_their_name() {
        let scanners = Scanners::with(&["Own Scanner".to_owned(), " ".to_owned()]);
        for agent in ["friendly-scanner", "SIPVicious/0.3", "sipcli/v1.8", "own scanner 2"] {
            assert!(scanners.matches(agent.as_bytes()), "{agent}");
        }
        for agent in ["", "Asterisk PBX 22", "Callwright/0.1.0", "not sipcli", "sip"] {
            assert!(!scanners.matches(agent.as_bytes()), "{agent}");
        }
    }
}
