//! The addresses that apps were given.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv6Addr},
    sync::Arc,
};

use roost_model::{AppName, addr::AppAddress};

use crate::table::{Keyed, Table};

/// All of one moment.
#[derive(Debug, Clone, Default)]
pub(crate) struct Addresses {
    of_apps: Table<Given>,
    /// Those on private networks, each one app's alone.
    private: Arc<BTreeMap<Ipv6Addr, AppName>>,
    /// They have been read at least once, now or before the last restart.
    read: bool,
}

/// What one app was given.
#[derive(Debug)]
struct Given {
    app: AppName,
    ips: BTreeSet<IpAddr>,
}

impl Keyed for Given {
    fn key(&self) -> &[u8] {
        self.app.as_str().as_bytes()
    }
}

impl Addresses {
    /// What an app has; empty when it was given none.
    pub fn of(&self, app: &AppName) -> impl Iterator<Item = IpAddr> {
        let given = self.of_apps.get(app.as_str().as_bytes());
        given.into_iter().flat_map(|given| given.ips.iter().copied())
    }

    /// There are some, and none that is public.
    pub fn are_private(&self, app: &AppName) -> bool {
        let mut given = self.of(app).peekable();
        given.peek().is_some() && given.all(|ip| private(&ip).is_some())
    }

    pub fn are_read(&self) -> bool {
        self.read
    }

    pub fn app_at(&self, private: Ipv6Addr) -> Option<&AppName> {
        self.private.get(&private)
    }

    /// In no order.
    pub fn all(&self) -> impl Iterator<Item = (&AppName, IpAddr)> {
        self.of_apps.values().flat_map(|given| given.ips.iter().map(|ip| (&given.app, *ip)))
    }

    pub fn replace(&mut self, all: impl IntoIterator<Item = (AppName, IpAddr)>) {
        *self = Self { read: true, ..Self::default() };
        let mut of_apps: BTreeMap<AppName, BTreeSet<IpAddr>> = BTreeMap::new();
        all.into_iter().for_each(|(app, ip)| {
            of_apps.entry(app).or_default().insert(ip);
        });
        for (app, ips) in of_apps {
            let private = ips.iter().filter_map(private).map(|ip| (ip, app.clone()));
            Arc::make_mut(&mut self.private).extend(private);
            self.of_apps.insert(Arc::new(Given { app, ips }));
        }
    }

    pub fn put(&mut self, app: AppName, ip: IpAddr) {
        let mut ips: BTreeSet<IpAddr> = self.of(&app).collect();
        if !ips.insert(ip) {
            return;
        }
        if let Some(ip) = private(&ip) {
            Arc::make_mut(&mut self.private).insert(ip, app.clone());
        }
        self.of_apps.insert(Arc::new(Given { app, ips }));
    }

    pub fn remove(&mut self, app: &AppName, ip: IpAddr) {
        let mut ips: BTreeSet<IpAddr> = self.of(app).collect();
        if !ips.remove(&ip) {
            return;
        }
        if let Some(ip) = private(&ip) {
            Arc::make_mut(&mut self.private).remove(&ip);
        }
        match ips.is_empty() {
            true => self.of_apps.remove(app.as_str().as_bytes()),
            false => self.of_apps.insert(Arc::new(Given { app: app.clone(), ips })),
        }
    }
}

/// An address on a private network; `None` for one that is reached from everywhere.
fn private(ip: &IpAddr) -> Option<Ipv6Addr> {
    AppAddress::of(*ip).map(AppAddress::ip)
}
