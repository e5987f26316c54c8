//! Interfaces, addresses and routes, over netlink.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use futures::TryStreamExt;
use rtnetlink::{
    Handle, LinkBridge, LinkMessageBuilder, LinkUnspec, LinkVeth, RouteMessageBuilder,
    packet_route::{
        address::AddressHeaderFlags,
        link::LinkAttribute,
        route::{RouteScope, RouteType},
    },
};

use crate::{NetError, error::Context};

/// Metric of routes that only say "not here": any other route is better.
const LAST_RESORT: u32 = u32::MAX;

#[derive(Clone)]
pub(crate) struct Links(Handle);

impl Links {
    /// Works on the network namespace of the calling thread, from then on whoever calls.
    pub fn open() -> Result<Self, NetError> {
        let (connection, handle, _) = rtnetlink::new_connection().context("opening netlink")?;
        tokio::spawn(connection);
        Ok(Self(handle))
    }

    pub async fn index(&self, name: &str) -> Result<Option<u32>, NetError> {
        Ok(self.list().await?.into_iter().find(|(_, n)| n == name).map(|(index, _)| index))
    }

    /// Index and name of every interface.
    pub async fn list(&self) -> Result<Vec<(u32, String)>, NetError> {
        let links: Vec<_> =
            self.0.link().get().execute().try_collect().await.context("listing interfaces")?;
        let name = |attributes: Vec<LinkAttribute>| {
            attributes
                .into_iter()
                .find_map(|a| if let LinkAttribute::IfName(name) = a { Some(name) } else { None })
        };
        Ok(links.into_iter().filter_map(|link| Some((link.header.index, name(link.attributes)?))).collect())
    }

    /// Fine if it is gone.
    pub async fn delete(&self, name: &str) -> Result<(), NetError> {
        let Some(index) = self.index(name).await? else { return Ok(()) };
        match self.0.link().del(index).execute().await {
            // A tap can vanish with its VMM between the two calls.
            Err(_) if self.index(name).await? != Some(index) => Ok(()),
            result => result.context(format!("deleting interface {name}")),
        }
    }

    pub async fn up(&self, index: u32, mtu: Option<u16>) -> Result<(), NetError> {
        let mut message = LinkUnspec::new_with_index(index).up();
        if let Some(mtu) = mtu {
            message = message.mtu(mtu.into());
        }
        self.0.link().set(message.build()).execute().await.context("bringing an interface up")
    }

    /// Of an interface that is down.
    pub async fn set_mac(&self, index: u32, mac: [u8; 6]) -> Result<(), NetError> {
        let message = LinkUnspec::new_with_index(index).address(mac.to_vec()).build();
        self.0.link().set(message).execute().await.context("setting an interface's address")
    }

    pub async fn make_veth(&self, name: &str, peer: &str) -> Result<(), NetError> {
        let message = LinkVeth::new(name, peer).build();
        self.0.link().add(message).execute().await.context(format!("making the pair {name}, {peer}"))
    }

    pub async fn make_bridge(&self, name: &str) -> Result<(), NetError> {
        let message = LinkBridge::new(name).build();
        self.0.link().add(message).execute().await.context(format!("making bridge {name}"))
    }

    pub async fn join_bridge(&self, index: u32, bridge: u32) -> Result<(), NetError> {
        let message = LinkMessageBuilder::<LinkUnspec>::default().index(index).controller(bridge).build();
        self.0.link().set(message).execute().await.context("joining a bridge")
    }

    pub async fn move_to(&self, index: u32, namespace: std::os::fd::RawFd) -> Result<(), NetError> {
        let message = LinkMessageBuilder::<LinkUnspec>::default().index(index).setns_by_fd(namespace).build();
        self.0.link().set(message).execute().await.context("moving an interface into a namespace")
    }

    pub async fn add_address(&self, index: u32, address: IpAddr, prefix: u8) -> Result<(), NetError> {
        let mut request = self.0.address().add(index, address, prefix).replace();
        if address.is_ipv6() {
            // Nobody else has it, so it is of use from now on, and not in a moment.
            request.message_mut().header.flags |= AddressHeaderFlags::Nodad;
        }
        request.execute().await.context(format!("adding address {address}/{prefix}"))
    }

    /// The machine's link-layer address is known: no asking, so no wrong answer and no wait.
    pub async fn add_neighbour(&self, index: u32, address: IpAddr, mac: &[u8]) -> Result<(), NetError> {
        let request = self.0.neighbours().add(index, address).link_local_address(mac).replace();
        request.execute().await.context(format!("adding neighbour {address}"))
    }

    pub async fn add_route_v4(&self, index: u32, to: Ipv4Addr, source: Ipv4Addr) -> Result<(), NetError> {
        let route = RouteMessageBuilder::<Ipv4Addr>::new()
            .destination_prefix(to, 32)
            .output_interface(index)
            .scope(RouteScope::Link)
            .pref_source(source);
        self.0.route().add(route.build()).replace().execute().await.context(format!("adding route {to}"))
    }

    pub async fn add_route_v6(
        &self,
        index: u32,
        to: Ipv6Addr,
        prefix: u8,
        source: Ipv6Addr,
    ) -> Result<(), NetError> {
        let route = RouteMessageBuilder::<Ipv6Addr>::new()
            .destination_prefix(to, prefix)
            .output_interface(index)
            .pref_source(source);
        self.0
            .route()
            .add(route.build())
            .replace()
            .execute()
            .await
            .context(format!("adding route {to}/{prefix}"))
    }

    /// Refuses at once what no machine answers, instead of sending it to the host's own gateway.
    pub async fn add_unreachable(&self, to: IpAddr, prefix: u8) -> Result<(), NetError> {
        let route = match to {
            IpAddr::V4(to) => RouteMessageBuilder::<Ipv4Addr>::new()
                .destination_prefix(to, prefix)
                .kind(RouteType::Unreachable)
                .priority(LAST_RESORT)
                .build(),
            IpAddr::V6(to) => RouteMessageBuilder::<Ipv6Addr>::new()
                .destination_prefix(to, prefix)
                .kind(RouteType::Unreachable)
                .priority(LAST_RESORT)
                .build(),
        };
        self.0
            .route()
            .add(route)
            .replace()
            .execute()
            .await
            .context(format!("adding route unreachable {to}/{prefix}"))
    }
}
