//! Places that a request asks for: a region, a part of the world, or anywhere.

use std::{fmt, str::FromStr};

use roost_model::{Region, id::InvalidId};

/// Where a machine may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    Region(Region),
    Area(Area),
    Anywhere,
}

/// A part of the world, by the names that `fly-replay` has for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Area {
    AsiaPacific,
    Europe,
    NorthAmerica,
    SouthAmerica,
    UnitedStates,
}

impl Area {
    const ALL: [Self; 5] =
        [Self::AsiaPacific, Self::Europe, Self::NorthAmerica, Self::SouthAmerica, Self::UnitedStates];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::AsiaPacific => "apac",
            Self::Europe => "eu",
            Self::NorthAmerica => "na",
            Self::SouthAmerica => "sa",
            Self::UnitedStates => "us",
        }
    }

    /// The airports whose codes name regions there.
    fn airports(self) -> &'static [&'static str] {
        match self {
            Self::AsiaPacific => &["bom", "hkg", "kul", "maa", "nrt", "sin", "syd"],
            Self::Europe => &["ams", "arn", "cdg", "fra", "lhr", "mad", "otp", "waw"],
            Self::NorthAmerica => &[
                "atl", "bos", "den", "dfw", "ewr", "gdl", "iad", "lax", "mia", "ord", "phx", "qro", "sea",
                "sjc", "yul", "yyz",
            ],
            Self::SouthAmerica => &["bog", "eze", "gig", "gru", "scl"],
            Self::UnitedStates => {
                &["atl", "bos", "den", "dfw", "ewr", "iad", "lax", "mia", "ord", "phx", "sea", "sjc"]
            }
        }
    }

    /// A region named after one of its airports (`fra`, and `fra2` beside it), or called as the area is.
    fn contains(self, region: &Region) -> bool {
        let airport = region.as_str().trim_end_matches(|c: char| c.is_ascii_digit());
        region.as_str() == self.as_str() || self.airports().contains(&airport)
    }
}

impl Place {
    pub fn contains(&self, region: &Region) -> bool {
        match self {
            Self::Region(own) => own == region,
            Self::Area(area) => area.contains(region),
            Self::Anywhere => true,
        }
    }
}

impl FromStr for Place {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        match Area::ALL.into_iter().find(|area| area.as_str() == text) {
            Some(area) => Ok(Self::Area(area)),
            None if text == "any" => Ok(Self::Anywhere),
            None => text.parse().map(Self::Region),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Region(region) => region.as_str(),
            Self::Area(area) => area.as_str(),
            Self::Anywhere => "any",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn areas_contain_the_regions_named_after_their_airports() {
        let within =
            |place: &str, region: &str| place.parse::<Place>().unwrap().contains(&region.parse().unwrap());
        assert!(within("eu", "fra") && within("eu", "fra2") && within("eu", "eu"));
        assert!(within("na", "yyz") && !within("us", "yyz") && within("us", "ord"));
        assert!(within("any", "local") && within("fra", "fra") && !within("fra", "fra2"));
        assert!(!within("sa", "fra"));
    }
}
