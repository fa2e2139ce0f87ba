//! Port ranges and usual services (RFC 6335 §6, IANA service names and port numbers).

/// Where IANA puts a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortRange {
    /// 0 to 1023: given by the IETF; on Unix only the administrator may listen there.
    WellKnown,
    /// 1024 to 49151: given by IANA to who asks.
    Registered,
    /// 49152 to 65535: given to nobody, for clients.
    Dynamic,
}

impl PortRange {
    /// Returns the range of a port.
    pub fn of(port: u16) -> Self {
        match port {
            0..=1023 => PortRange::WellKnown,
            1024..=49151 => PortRange::Registered,
            49152..=65535 => PortRange::Dynamic,
        }
    }

    /// Returns the name and the ends of the range.
    pub fn name(self) -> &'static str {
        match self {
            PortRange::WellKnown => "well-known (0-1023)",
            PortRange::Registered => "registered (1024-49151)",
            PortRange::Dynamic => "dynamic (49152-65535)",
        }
    }
}

/// Returns the service that usually stands behind a port, if there is one.
pub fn service(port: u16) -> Option<&'static str> {
    let known = SERVICES
        .binary_search_by_key(&port, |(port, _)| *port)
        .ok()?;
    SERVICES.get(known).map(|(_, name)| *name)
}

/// In the order of the ports. Names are IANA's where it has one; the rest is what people
/// run there, in development and in clouds.
const SERVICES: &[(u16, &str)] = &[
    (7, "echo"),
    (9, "discard"),
    (13, "daytime"),
    (17, "qotd"),
    (19, "chargen"),
    (20, "ftp-data"),
    (21, "ftp"),
    (22, "ssh"),
    (23, "telnet"),
    (25, "smtp"),
    (37, "time"),
    (43, "whois"),
    (49, "tacacs"),
    (53, "domain"),
    (67, "dhcp-server"),
    (68, "dhcp-client"),
    (69, "tftp"),
    (70, "gopher"),
    (79, "finger"),
    (80, "http"),
    (88, "kerberos"),
    (110, "pop3"),
    (111, "rpcbind"),
    (119, "nntp"),
    (123, "ntp"),
    (135, "msrpc"),
    (137, "netbios-ns"),
    (138, "netbios-dgm"),
    (139, "netbios-ssn"),
    (143, "imap"),
    (161, "snmp"),
    (162, "snmptrap"),
    (179, "bgp"),
    (194, "irc"),
    (389, "ldap"),
    (443, "https"),
    (445, "microsoft-ds"),
    (464, "kpasswd"),
    (465, "submissions"),
    (500, "isakmp"),
    (514, "syslog"),
    (515, "printer"),
    (520, "rip"),
    (546, "dhcpv6-client"),
    (547, "dhcpv6-server"),
    (554, "rtsp"),
    (587, "submission"),
    (631, "ipp"),
    (636, "ldaps"),
    (853, "domain-s"),
    (873, "rsync"),
    (902, "vmware-auth"),
    (989, "ftps-data"),
    (990, "ftps"),
    (993, "imaps"),
    (995, "pop3s"),
    (1080, "socks"),
    (1194, "openvpn"),
    (1433, "mssql"),
    (1521, "oracle"),
    (1701, "l2tp"),
    (1723, "pptp"),
    (1812, "radius"),
    (1813, "radius-acct"),
    (1883, "mqtt"),
    (1900, "ssdp"),
    (2049, "nfs"),
    (2181, "zookeeper"),
    (2375, "docker"),
    (2376, "docker-s"),
    (2379, "etcd-client"),
    (2380, "etcd-server"),
    (3000, "web-development"),
    (3128, "http-proxy"),
    (3260, "iscsi-target"),
    (3268, "msft-gc"),
    (3306, "mysql"),
    (3389, "ms-wbt-server"),
    (3478, "stun"),
    (4222, "nats"),
    (4317, "opentelemetry"),
    (4369, "epmd"),
    (4789, "vxlan"),
    (5000, "web-development"),
    (5060, "sip"),
    (5061, "sips"),
    (5222, "xmpp-client"),
    (5269, "xmpp-server"),
    (5353, "mdns"),
    (5432, "postgresql"),
    (5671, "amqps"),
    (5672, "amqp"),
    (5900, "vnc"),
    (5984, "couchdb"),
    (5985, "winrm"),
    (6379, "redis"),
    (6443, "kubernetes-api"),
    (6667, "irc"),
    (7000, "cassandra"),
    (8000, "http-alt"),
    (8080, "http-alt"),
    (8086, "influxdb"),
    (8443, "https-alt"),
    (8883, "secure-mqtt"),
    (8888, "http-alt"),
    (9000, "http-alt"),
    (9042, "cassandra"),
    (9090, "prometheus"),
    (9092, "kafka"),
    (9100, "pdl-datastream"),
    (9200, "elasticsearch"),
    (9418, "git"),
    (10250, "kubelet"),
    (11211, "memcached"),
    (15672, "rabbitmq-management"),
    (25565, "minecraft"),
    (27017, "mongodb"),
    (50051, "grpc"),
    (51820, "wireguard"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_order() {
        assert!(SERVICES.is_sorted_by_key(|(port, _)| *port));
        assert_eq!(service(7), Some("echo"));
        assert_eq!(service(51820), Some("wireguard"));
        assert_eq!(service(8080), Some("http-alt"));
        assert_eq!(service(0), None);
        assert_eq!(service(65535), None);
    }

    #[test]
    fn a_port_is_in_the_range_that_its_ends_say() {
        let name = |port| PortRange::of(port).name();
        assert_eq!(name(0), name(1023));
        assert_eq!(name(1024), name(49151));
        assert_eq!(name(49152), name(65535));
        assert_ne!(name(1023), name(1024));
        assert_ne!(name(49151), name(49152));
    }
}
