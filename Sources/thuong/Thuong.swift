import ArgumentParser

@main struct Thuong: ParsableCommand {
  func run() {}
}
