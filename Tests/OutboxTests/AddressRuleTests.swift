import Outbox
import Readings
import Testing

@Suite struct AddressRuleTests {
  @Test(arguments: [
    ("127.0.0.1", "loopback"), ("127.9.9.9", "loopback"), ("10.1.2.3", "private"), ("172.16.0.1", "private"),
    ("172.31.255.255", "private"), ("192.168.1.1", "private"), ("100.64.0.1", "private"), ("169.254.169.254", "link-local"),
    ("0.0.0.0", "unspecified"), ("224.0.0.1", "multicast"), ("255.255.255.255", "reserved"), ("::1", "loopback"), ("::", "unspecified"),
    ("fe80::1", "link-local"), ("fd00:ec2::254", "private"), ("ff02::1", "multicast"), ("::ffff:127.0.0.1", "loopback"),
    ("::ffff:10.0.0.1", "private"), ("64:ff9b::a9fe:a9fe", "link-local"), ("2002:7f00:1::", "loopback"),
    // NAT64: the well-known prefix holds an IPv4 address, which counts; a network's own prefix leads into that network.
    ("64:ff9b::10.0.0.1", "private"), ("64:ff9b::127.0.0.1", "loopback"), ("64:ff9b::192.168.0.9", "private"),
    ("64:ff9b:1::8.8.8.8", "private"), ("64:ff9b:1:a00:0:100::", "private"), ("64:ff9b:1:ffff:ffff:ffff:ffff:ffff", "private"),
    // Teredo, IPv4-compatible, IPv4-translated, 6to4.
    ("2001::1", "reserved"), ("2001:0:4136:e378:8000:63bf:3fff:fdd2", "reserved"), ("::10.1.2.3", "private"),
    ("::169.254.169.254", "link-local"), ("::8.8.8.8", "reserved"), ("::ffff:0:127.0.0.1", "loopback"), ("::ffff:0:10.0.0.1", "private"),
    ("2002:a00:1::1", "private"), ("2002:a9fe:a9fe::1", "link-local"), ("fec0::1", "private"), ("::2", "reserved"),
  ])
  func `addresses inside are refused`(address: String, kind: String) throws {
    let bytes = try #require(AddressRule.bytes(ofLiteral: address))
    #expect(AddressRule.refusal(bytes) == kind)
  }

  @Test(arguments: [
    "8.8.8.8", "172.15.0.1", "172.32.0.1", "100.128.0.1", "192.167.1.1", "203.113.131.1", "2001:4860:4860::8888",
    "64:ff9b::8.8.8.8", "64:ff9a:1::a00:1", "64:ff9b:2::1", "2001:1::1", "2002:808:808::1", "::ffff:8.8.8.8", "::ffff:0:8.8.8.8",
  ])
  func `addresses outside are not`(address: String) throws {
    let bytes = try #require(AddressRule.bytes(ofLiteral: address))
    #expect(AddressRule.refusal(bytes) == nil)
  }

  @Test func `a name is not an address`() { #expect(AddressRule.bytes(ofLiteral: "ioc.bacgiang.gov.vn") == nil) }

  @Test(arguments: ["ftp://ioc/", "ioc.example", "http://", "https://u:p@ioc.example/", ""])
  func `a sink's url that cannot work is refused`(url: String) {
    #expect(throws: SinkConfigurationError.self) { try SinkConfiguration(id: "ioc", url: url, secrets: [Sample.secret]) }
  }
}
