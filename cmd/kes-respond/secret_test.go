package main

// emulatorPassword is the password of every emulator of these tests.
const emulatorPassword = "demo-only"
