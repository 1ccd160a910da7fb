import Alerting
import Readings
import Testing

/// Expected values: Python, `base64.b32encode(hashlib.sha256("\n".join(parts).encode()).digest()).decode().lower()[:26]`.
@Suite struct AlertIdentityTests {
  @Test func `an alert's id is that of its instance, rule, subject and breach`() {
    let id = AlertIdentity.alert(
      instance: "bg-vy", rule: "traffic-congestion", subject: "bac-giang/traffic/bg-tr-001",
      breachedAt: Timestamp(milliseconds: 1_763_684_820_000))
    #expect(id == "u7j64h77mz64cnhsh4wvmm7gke")
  }

  @Test func `an event's id is that of its alert, transition and number`() {
    let alert = "u7j64h77mz64cnhsh4wvmm7gke"
    #expect(AlertIdentity.event(alert: alert, transition: "raised", nth: 1) == "fwdz2vbkio5gappkiqzb4erakn")
    #expect(AlertIdentity.event(alert: alert, transition: "cleared", nth: 2) == "tprqeneopavrj55ohe55i2q4lh")
  }

  @Test func `parts cannot run into each other`() {
    #expect(AlertIdentity.derive(["a", "bc"]) != AlertIdentity.derive(["ab", "c"]))
  }
}
