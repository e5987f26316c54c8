//! What a region's code says of the place, and which regions a caller's words mean.
//!
//! Codes are the airport codes that clients know. Any other code is a region as well; it just is nowhere.

use roost_model::Region;

use crate::error::{ApiError, Result};

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    pub name: &'static str,
    pub latitude: f64,
    pub longitude: f64,
    pub continent: &'static str,
}

/// Of a code that is no known place.
const NOWHERE: Place = Place { name: "", latitude: 0.0, longitude: 0.0, continent: "other" };

const AFRICA: &str = "africa";
const ASIA: &str = "asia_pacific";
const EUROPE: &str = "europe";
const NORTH: &str = "north_america";
const SOUTH: &str = "south_america";

const fn at(name: &'static str, latitude: f64, longitude: f64, continent: &'static str) -> Place {
    Place { name, latitude, longitude, continent }
}

/// By code; the places are the airports'.
const PLACES: [(&str, Place); 36] = [
    ("ams", at("Amsterdam, Netherlands", 52.31, 4.76, EUROPE)),
    ("arn", at("Stockholm, Sweden", 59.65, 17.92, EUROPE)),
    ("atl", at("Atlanta, Georgia (US)", 33.64, -84.43, NORTH)),
    ("bog", at("Bogotá, Colombia", 4.70, -74.15, SOUTH)),
    ("bom", at("Mumbai, India", 19.09, 72.87, ASIA)),
    ("bos", at("Boston, Massachusetts (US)", 42.36, -71.01, NORTH)),
    ("cdg", at("Paris, France", 49.01, 2.55, EUROPE)),
    ("den", at("Denver, Colorado (US)", 39.86, -104.67, NORTH)),
    ("dfw", at("Dallas, Texas (US)", 32.90, -97.04, NORTH)),
    ("ewr", at("Secaucus, NJ (US)", 40.69, -74.17, NORTH)),
    ("eze", at("Ezeiza, Argentina", -34.82, -58.54, SOUTH)),
    ("fra", at("Frankfurt, Germany", 50.03, 8.56, EUROPE)),
    ("gdl", at("Guadalajara, Mexico", 20.52, -103.31, NORTH)),
    ("gig", at("Rio de Janeiro, Brazil", -22.81, -43.25, SOUTH)),
    ("gru", at("Sao Paulo, Brazil", -23.43, -46.47, SOUTH)),
    ("hkg", at("Hong Kong, Hong Kong", 22.31, 113.91, ASIA)),
    ("iad", at("Ashburn, Virginia (US)", 38.94, -77.46, NORTH)),
    ("jnb", at("Johannesburg, South Africa", -26.14, 28.25, AFRICA)),
    ("lax", at("Los Angeles, California (US)", 33.94, -118.41, NORTH)),
    ("lhr", at("London, United Kingdom", 51.47, -0.45, EUROPE)),
    ("mad", at("Madrid, Spain", 40.47, -3.56, EUROPE)),
    ("mia", at("Miami, Florida (US)", 25.79, -80.29, NORTH)),
    ("nrt", at("Tokyo, Japan", 35.76, 140.39, ASIA)),
    ("ord", at("Chicago, Illinois (US)", 41.98, -87.90, NORTH)),
    ("otp", at("Bucharest, Romania", 44.57, 26.10, EUROPE)),
    ("phx", at("Phoenix, Arizona (US)", 33.43, -112.01, NORTH)),
    ("qro", at("Querétaro, Mexico", 20.62, -100.19, NORTH)),
    ("scl", at("Santiago, Chile", -33.39, -70.79, SOUTH)),
    ("sea", at("Seattle, Washington (US)", 47.45, -122.31, NORTH)),
    ("sin", at("Singapore, Singapore", 1.36, 103.99, ASIA)),
    ("sjc", at("San Jose, California (US)", 37.36, -121.93, NORTH)),
    ("syd", at("Sydney, Australia", -33.94, 151.18, ASIA)),
    ("waw", at("Warsaw, Poland", 52.17, 20.97, EUROPE)),
    ("yul", at("Montreal, Canada", 45.47, -73.74, NORTH)),
    ("yyz", at("Toronto, Canada", 43.68, -79.63, NORTH)),
    ("zrh", at("Zurich, Switzerland", 47.46, 8.55, EUROPE)),
];

/// Words for several regions at once.
const GROUPS: [&str; 8] = ["any", "eu", "us", "usa", "na", "sa", "apac", "africa"];

/// The place that a region's code names.
pub fn place_of(region: &Region) -> Place {
    let known = PLACES.iter().find(|(code, _)| *code == region.as_str());
    known.map_or(NOWHERE, |(_, place)| *place)
}

/// One of the words of a list such as `ams,eu,any`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegionChoice(String);

impl RegionChoice {
    /// The words, the best first; anywhere when there are none.
    pub fn list(text: &str) -> Result<Vec<Self>> {
        let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
        let mut choices: Vec<Self> = words.map(Self::parse).collect::<Result<_>>()?;
        if choices.is_empty() {
            choices.push(Self("any".to_owned()));
        }
        Ok(choices)
    }

    fn parse(word: &str) -> Result<Self> {
        let choice = Self(word.to_ascii_lowercase());
        let region = || choice.0.parse::<Region>();
        if GROUPS.contains(&choice.0.as_str()) || region().is_ok() {
            return Ok(choice);
        }
        Err(ApiError::invalid(format!(
            "region: \"{word}\" is no region's code and no group; groups are {}",
            GROUPS.join(", ")
        )))
    }

    pub fn covers(&self, region: &Region) -> bool {
        let place = place_of(region);
        match self.0.as_str() {
            "any" => true,
            "eu" => place.continent == EUROPE,
            "us" | "usa" => place.name.ends_with("(US)"),
            "na" => place.continent == NORTH,
            "sa" => place.continent == SOUTH,
            "apac" => place.continent == ASIA,
            "africa" => place.continent == AFRICA,
            code => code == region.as_str(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covered(list: &str, region: &str) -> bool {
        RegionChoice::list(list).unwrap().iter().any(|choice| choice.covers(&region.parse().unwrap()))
    }

    #[test]
    fn groups_hold_what_is_there() {
        assert!(covered("", "local") && covered("any", "local") && covered("ams, local", "local"));
        assert!(
            covered("eu", "fra") && covered("us", "ewr") && covered("na", "yyz") && covered("apac", "syd")
        );
        assert!(!covered("us", "yyz") && !covered("eu", "local") && !covered("ams", "fra"));
    }

    #[test]
    fn a_word_that_cannot_be_a_region_is_named() {
        let error = RegionChoice::list("ams,../x").unwrap_err();
        assert!(error.message.contains("\"../x\""), "{error}");
    }
}
