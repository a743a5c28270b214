package ksc

// LimitRecords lowers the bound of one step's records, so that tests of the
// bound need not move 32 MiB.
func (c *Client) LimitRecords(n int) { c.recordsBytes = n }
