// Command 0-go does nothing: it shows what Go itself costs at a start.
package main

func main() {}
