//! Which clients' addresses a service takes anything from.

use std::net::IpAddr;

use ipnet::IpNet;
use roost_model::Service;
use serde::{Deserialize, Serialize};

/// Networks of clients. What is denied is denied even where it is allowed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Sources {
    /// `None`: everybody.
    allow: Option<Vec<IpNet>>,
    deny: Vec<IpNet>,
}

impl Sources {
    pub fn admits(&self, client: IpAddr) -> bool {
        let within = |nets: &Vec<IpNet>| nets.iter().any(|net| net.contains(&client));
        !within(&self.deny) && self.allow.as_ref().is_none_or(within)
    }

    /// Nobody is kept out.
    pub fn is_everybody(&self) -> bool {
        self.allow.is_none() && self.deny.is_empty()
    }
}

impl From<&Service> for Sources {
    fn from(service: &Service) -> Self {
        Self { allow: service.allow_from.clone(), deny: service.deny_from.clone().unwrap_or_default() }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn admits(lists: Value, client: &str) -> bool {
        let mut service = json!({ "internal_port": 1 });
        service.as_object_mut().unwrap().extend(lists.as_object().unwrap().clone());
        let service: Service = serde_json::from_value(service).unwrap();
        Sources::from(&service).admits(client.parse().unwrap())
    }

    #[test]
    fn lists_say_who_is_served() {
        let (inside, outside) = ("10.1.2.3", "192.0.2.1");
        assert!(admits(json!({}), outside));
        let allow = json!({ "allow_from": ["10.0.0.0/8", "2001:db8::/32"] });
        assert!(
            admits(allow.clone(), inside) && admits(allow.clone(), "2001:db8::1") && !admits(allow, outside)
        );
        let deny = json!({ "deny_from": ["192.0.2.0/24"] });
        assert!(admits(deny.clone(), inside) && !admits(deny, outside));
        let both = json!({ "allow_from": ["10.0.0.0/8"], "deny_from": ["10.1.0.0/16"] });
        assert!(admits(both.clone(), "10.2.0.1") && !admits(both, inside));
    }

    #[test]
    fn a_list_that_cannot_be_read_is_refused() {
        for lists in [json!({ "allow_from": "10.0.0.0/8" }), json!({ "deny_from": ["nonsense"] })] {
            let mut service = json!({ "internal_port": 1 });
            service.as_object_mut().unwrap().extend(lists.as_object().unwrap().clone());
            serde_json::from_value::<Service>(service).unwrap_err();
        }
    }
}
