package ksc

// LimitRecords lowers the bounds of incidents, so that tests of them need not
// move 32 MiB: of one step's records, and of four such steps together.
func (c *Client) LimitRecords(n int) { c.recordsBytes, c.searchBytes = n, 4*n }
