<#
.SYNOPSIS
Sends requests to kes-respond and says what became of each.
.DESCRIPTION
Takes requests (hashtables or objects) from the pipeline and gives a result for each.
Progress goes to the verbose stream. Where kes-respond goes away without an answer the
outcome is "unknown": it may have happened. Ctrl-C ends kes-respond's input, and what
had not been sent yet is taken back.
.EXAMPLE
@{ task = 'TASK'; targetHost = 'PC-12'; params = @{} } | .\respond.ps1 -Program .\kes-respond.exe
#>
param(
  [string] $Program = 'kes-respond',
  [Parameter(ValueFromPipeline = $true)] [object] $Request
)
begin {
  $requests = [System.Collections.Generic.List[object]]::new()
}
process {
  if ($Request) { $requests.Add($Request) }
}
end {
  $start = [System.Diagnostics.ProcessStartInfo]::new($Program, 'serve')
  $start.UseShellExecute = $false
  $start.RedirectStandardInput = $true
  $start.RedirectStandardOutput = $true
  $start.StandardOutputEncoding = [System.Text.UTF8Encoding]::new($false)
  $process = [System.Diagnostics.Process]::Start($start)
  $open = @{}
  $lines = @{} # number of the line -> id
  $done = $false
  try {
    $number = 0
    foreach ($one in $requests) {
      $number++
      $line = $one | ConvertTo-Json -Depth 64 -Compress | ConvertFrom-Json
      if ($null -eq $line.id) { $line | Add-Member id "line-$number" }
      if ($open.ContainsKey("$($line.id)")) { Write-Error "id $($line.id) is in use: this request was not sent"; $number--; continue }
      $open["$($line.id)"] = $line
      $lines[$number] = "$($line.id)"
      # ASCII with \u escapes: whatever the console's encoding is, it arrives.
      $text = [regex]::Replace(($line | ConvertTo-Json -Depth 64 -Compress), '[^\x20-\x7e]', { '\u{0:x4}' -f [int] $args[0].Value[0] })
      $process.StandardInput.WriteLine($text)
      $process.StandardInput.Flush()
    }
    while ($open.Count -gt 0 -and $null -ne ($text = $process.StandardOutput.ReadLine())) {
      $event = $text | ConvertFrom-Json
      switch ($event.type) {
        'result' { $open.Remove("$($event.id)"); $event }
        'progress' { Write-Verbose "$($event.id) $($event.stage) $($event.message)" }
        'error' {
          Write-Error $event.message
          $id = if ($event.line) { $lines[[int] $event.line] }
          if ($null -ne $id -and $open.ContainsKey($id)) {
            $open.Remove($id)
            [pscustomobject] @{ type = 'result'; id = $id; outcome = 'refused'; message = $event.message; error = $event }
          }
        }
      }
    }
    $done = $true
  } finally {
    foreach ($id in @($open.Keys)) {
      if (-not $done) { $process.StandardInput.WriteLine((@{ type = 'cancel'; target = $open[$id].id } | ConvertTo-Json -Compress)) }
      else {
        [pscustomobject] @{
          type = 'result'; id = $open[$id].id; outcome = 'unknown'
          message = 'kes-respond went away without an answer: it may have happened. Send the request again with the same idempotencyKey, or see "kes-respond recover"'
        }
      }
    }
    $process.StandardInput.Close()
    $process.WaitForExit()
  }
}
