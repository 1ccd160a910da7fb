extension Registry {
  /// A registry of some of these devices, and of others that exist in it alone.
  ///
  /// - Parameters:
  ///   - ids: of registered devices.
  ///   - made: entries as in `Devices/*.yaml`, each with the id that it has where it names none. Their faults are noted.
  package func only(_ ids: [String], adding made: [(id: String, entry: YAMLValue)], faults: FaultList) -> Registry {
    var builder = RegistryBuilder(self, devices: devices.filter { ids.contains($0.id) }, faults: faults)
    for (id, entry) in made { builder.addDevice(entry, named: id) }
    return builder.registry()
  }
}
