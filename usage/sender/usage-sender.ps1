<#
.SYNOPSIS
Sends the closed usage files of a directory to the usage portal.

.DESCRIPTION
Run it once a day with the Task Scheduler, as SYSTEM or as a group managed service
account. It needs only Windows PowerShell 5.1, no module and no installation, and works
while nobody is signed in. It stores nothing but its log. It can be deleted and
downloaded again at any time: no file is sent twice.

Each run takes these steps:

  1. Let one run at a time send a directory.
  2. Find the files that are closed, and hash them.
  3. Request which files are needed, by their hash.
  4. Send the needed files.
  5. Send again what had no answer.
  6. Remove the files that are safe to delete, if that is wanted.
  7. Write which files were not sent.
  8. Submit the report of the run to the portal.
  9. Select the exit code.

A file that fails does not affect the others. Without -DeleteSafe nothing is deleted.

Exit codes: 0 accepted, or access works; 1 refused, failed, or not full access; 2 wrong
command line; 3 held; 4 not delivered, or not reported: run it again.

.PARAMETER Directory
The usage directory, such as D:\i3\ic\work\usage. Only files named *.usg in the directory
itself are sent.

.PARAMETER TokenFile
A text file that holds the API token. Without it, the environment variable USG_TOKEN
holds the token. There is no parameter for the token itself, because other users could
read it on the command line.

.PARAMETER Proxy
An HTTP proxy: http://HOST:PORT or http://USER:PASSWORD@HOST:PORT. Without it, the
variable HTTPS_PROXY, the proxy settings of the account, or those of the machine
(netsh winhttp) apply, in this order.

.PARAMETER DeleteSafe
Deletes the files that the portal confirms as stored in S3, and nothing else. Each file is
hashed again before it is deleted.

.PARAMETER Check
Sends nothing, but checks whether this server reaches the S3 location of the automated
upload. With a token, the result is reported to the portal.

.PARAMETER Fingerprints
Sends nothing, but lists which servers wrote the files of the directory, with the
fingerprints of their keys, to compare with those on the page Servers of the portal. It
needs no token, and connects to nothing.

.PARAMETER Log
The log file; by default usage-sender.log beside this script. Above 1 MB the log is
renamed to FILE.1. If the log cannot be written, the run continues without it.

.PARAMETER Machine
The name of this server in reports; by default the host name.

.PARAMETER To
The address of the portal. The portal has filled it in.

.EXAMPLE
powershell -ExecutionPolicy Bypass -File usage-sender.ps1 -Directory 'D:\i3\ic\work\usage' -TokenFile usage.token

.EXAMPLE
powershell -ExecutionPolicy Bypass -File usage-sender.ps1 -Check
#>
#Requires -Version 5.1
[CmdletBinding(PositionalBinding = $false)]
param(
    [string] $Directory = '',
    [string] $TokenFile = '',
    [string] $Proxy = '',
    [switch] $DeleteSafe,
    [switch] $Check,
    [switch] $Fingerprints,
    [string] $Log = '',
    [string] $Machine = '',
    [string] $To = '@ADDRESS@',
    [Parameter(ValueFromRemainingArguments = $true)]
    [string[]] $Rest = @()
)

Set-StrictMode -Version 3.0
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'

$Version = 'usage-sender @VERSION@ PowerShell 5.1'

# Exit codes.
$Accepted, $Rejected, $WrongCommandLine, $Held, $Undelivered = 0, 1, 2, 3, 4
$WorstLast = @($Accepted, $Held, $Undelivered, $Rejected)

# Seconds without a change after which a file is taken to be closed.
$QuietFor = 120

# Seconds for which a file that is shorter than it declares counts as being written.
# After that it is cut, and is sent so that the portal rejects it.
$UnfinishedFor = 36 * 3600

# Milliseconds to wait for an answer; most tries of a request, and of one file after the
# others are sent; first and longest wait between tries, in seconds; longest wait that
# the portal may request.
$Timeout = 60000
$MostTries = 7
$TriesLater = 3
$FirstWait = 1.0
$LongestWait = 60.0
$LongestAsked = 600.0

# Files in one request. The portal accepts 1,000, but ConvertFrom-Json only 2 MB.
$AtOnce = 250

# Items in one report, and in all reports of a run.
$ItemsAtOnce = 1000
$ItemsAtMost = 20000

# A run renames a log above this number of bytes; most characters of an event.
$LargestLog = 1048576
$LargestEvent = 30000
$EventSource = 'usage-sender'

# Most characters that are read of an answer.
$LargestAnswer = 8388608

# Statuses after which the same request may succeed, and those of a busy portal.
$Passing = @(408, 425, 429, 500, 502, 503, 504)
$Busy = @(429, 503)

# Codes of refusals: of a broken connection, and those that concern every file.
$OfTheLine = @('body-cut', 'body-stalled')
$OfAll = @('token-unknown', 'sign-in-needed', 'not-allowed', 'account-closed', 'tenant-differs', 'https-needed', 'token-expired', 'token-revoked', 'token-network')

# The refusal of every file until people have decided about those that wait.
$QuotaFull = 'quota-full'

$Utf8 = New-Object -TypeName System.Text.UTF8Encoding -ArgumentList $false
$Lines = New-Object -TypeName System.Collections.Generic.List[string]
$LogPath = ''
$Token = ''
$WebProxy = $null
$Mutex = $null
$RunEnd = $null
$Run = $null
$Seen = $null


# Output

function Write-Line {
    # Write a line to the console and the log, and keep it for the event log.
    param([string] $Text)

    $script:Lines.Add($Text)
    try { [Console]::Out.WriteLine($Text) } catch { }
    if ($script:LogPath -eq '') { return }
    $at = [DateTime]::Now.ToString('yyyy-MM-dd HH:mm:sszzz', [Globalization.CultureInfo]::InvariantCulture)
    try {
        [IO.File]::AppendAllText($script:LogPath, "$at $Text`r`n", $script:Utf8)
    }
    catch {
        $script:LogPath = ''
        Write-Line "no log: $((Get-Cause $_.Exception).Message)"
    }
}

function Start-Log {
    # Begin the log, and rename an old log that is too large.
    $path = $Log
    if ($path -eq '') { $path = Join-Path -Path $PSScriptRoot -ChildPath 'usage-sender.log' }
    try {
        $script:LogPath = Get-FullPath $path
        $file = New-Object -TypeName System.IO.FileInfo -ArgumentList $script:LogPath
        if ($file.Exists -and $file.Length -gt $LargestLog) {
            [IO.File]::Delete("$($script:LogPath).1")
            [IO.File]::Move($script:LogPath, "$($script:LogPath).1")
        }
    }
    catch {
        # A drive that this account does not have.
        if ($script:LogPath -eq '') { Write-Line "no log: $((Get-Cause $_.Exception).Message)" }
    }
}

function Write-RunEvent {
    # Write the lines of this run as one event of the Application log, if possible.
    param([int] $Code)

    try {
        if (-not [Diagnostics.EventLog]::SourceExists($EventSource)) {
            [Diagnostics.EventLog]::CreateEventSource($EventSource, 'Application')
        }
        $text = [string]::Join("`r`n", $script:Lines.ToArray())
        if ($text.Length -gt $LargestEvent) { $text = $text.Substring(0, $LargestEvent) }
        if ($text -eq '') { $text = 'There was nothing to send.' }
        $kind = [Diagnostics.EventLogEntryType]::Information
        if ($Code -eq $Held -or $Code -eq $Undelivered) { $kind = [Diagnostics.EventLogEntryType]::Warning }
        if ($Code -eq $Rejected -or $Code -eq $WrongCommandLine) { $kind = [Diagnostics.EventLogEntryType]::Error }
        [Diagnostics.EventLog]::WriteEntry($EventSource, $text, $kind, 1000 + $Code)
    }
    catch { }
}

function Get-Cause {
    # Return the .NET exception that PowerShell wrapped, of a method or a property.
    param([Exception] $Failure)

    while ($Failure -is [Management.Automation.ExtendedTypeSystemException] -and $null -ne $Failure.InnerException) {
        $Failure = $Failure.InnerException
    }
    return $Failure
}

function Get-FullPath {
    # .NET has a current directory of its own, so relative paths are resolved here.
    param([string] $Path)

    return $ExecutionContext.SessionState.Path.GetUnresolvedProviderPathFromPSPath($Path)
}

function Get-Field {
    # Return a field of a JSON object, or $null: in strict mode an unknown field throws.
    param($Document, [string] $Name)

    if ($Document -isnot [Management.Automation.PSCustomObject]) { return $null }
    $property = $Document.PSObject.Properties[$Name]
    if ($null -eq $property) { return $null }
    return $property.Value
}

function Get-Label {
    # Return a text without control characters, cut to 255 characters.
    param([string] $Text)

    $label = [Text.RegularExpressions.Regex]::Replace($Text, '[\p{C}\p{Zl}\p{Zp}]', [string] [char] 0xFFFD)
    if ($label.Length -gt 255) { $label = $label.Substring(0, 255) }
    return $label
}

function Get-Hash {
    # Return the SHA-256 of a stream as bytes. This class works in FIPS mode too.
    param([IO.Stream] $Stream)

    $sha = New-Object -TypeName System.Security.Cryptography.SHA256CryptoServiceProvider
    try { return , $sha.ComputeHash($Stream) } finally { $sha.Dispose() }
}

function Get-Hex {
    param([byte[]] $Bytes)

    return [BitConverter]::ToString($Bytes).Replace('-', '').ToLowerInvariant()
}


# Requests

function Get-Token {
    # Return the token from the file or the environment. ReadAllText detects UTF-16 and UTF-8.
    if ($TokenFile -clike 'usg_*') { throw 'this is a token: write it to a file, and give the name of the file' }
    if ($TokenFile -ne '') { return [IO.File]::ReadAllText((Get-FullPath $TokenFile)).Trim() }
    return [string] [Environment]::GetEnvironmentVariable('USG_TOKEN')
}

function Get-ExplicitProxy {
    # Return the proxy of an address. Messages never contain the address: it may have a password.
    param([string] $Address)

    if (-not $Address.Contains('://')) { $Address = "http://$Address" }
    $uri = $null
    $isAddress = [Uri]::TryCreate($Address, [UriKind]::Absolute, [ref] $uri)
    if (-not $isAddress -or $uri.Scheme -ne 'http' -or $uri.Host -eq '' -or $uri.PathAndQuery -ne '/') {
        throw "a proxy's address is http://HOST:PORT or http://USER:PASSWORD@HOST:PORT"
    }
    $found = New-Object -TypeName System.Net.WebProxy -ArgumentList $uri.Host, $uri.Port
    if ($uri.UserInfo -eq '') {
        $found.UseDefaultCredentials = $true
        return $found
    }
    $user, $password = $uri.UserInfo.Split([char[]] ':', 2)
    $credential = New-Object -TypeName System.Net.NetworkCredential
    $credential.UserName = [Uri]::UnescapeDataString([string] $user)
    $credential.Password = [Uri]::UnescapeDataString([string] $password)
    $found.Credentials = $credential
    return $found
}

function Test-Bypassed {
    # Return whether NO_PROXY names a host.
    param([string] $Name)

    foreach ($part in ([string] [Environment]::GetEnvironmentVariable('NO_PROXY')).Split([char[]] ',')) {
        $host_ = $part.Trim().TrimStart('.')
        if ($host_ -eq '') { continue }
        if ($host_ -eq '*' -or $Name -eq $host_ -or $Name.EndsWith(".$host_", [StringComparison]::OrdinalIgnoreCase)) { return $true }
    }
    return $false
}

function Get-MachineProxy {
    # Return the proxy that `netsh winhttp set proxy` has set, or $null.
    # The value has 8 bytes, flags (2 means a proxy), length of the proxy, the proxy.
    try {
        $key = 'HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows\CurrentVersion\Internet Settings\Connections'
        $value = [Microsoft.Win32.Registry]::GetValue($key, 'WinHttpSettings', $null)
        if ($value -isnot [byte[]] -or $value.Length -lt 16) { return $null }
        $length = [BitConverter]::ToInt32($value, 12)
        if (($value[8] -band 2) -eq 0 -or $length -le 0 -or 16 + $length -gt $value.Length) { return $null }
        $text = [Text.Encoding]::ASCII.GetString($value, 16, $length)
        foreach ($part in $text.Split([char[]] '; ')) {
            if ($part.StartsWith('https=')) { return Get-ExplicitProxy ($part.Substring(6)) }
        }
        if ($text.Contains('=')) { return $null }
        $parts = $text.Split([char[]] '; ')
        return Get-ExplicitProxy $parts[0]
    }
    catch { return $null }
}

function Get-WebProxy {
    # Return the proxy for an address, or $null: -Proxy, HTTPS_PROXY, of the account, of the machine.
    param([Uri] $Address)

    if ($Proxy -ne '') { return Get-ExplicitProxy $Proxy }
    if ($Address.IsLoopback -or (Test-Bypassed $Address.Host)) { return $null }
    $named = [string] [Environment]::GetEnvironmentVariable('HTTPS_PROXY')
    if ($named -ne '') { return Get-ExplicitProxy $named }
    $system = [Net.WebRequest]::GetSystemWebProxy()
    $way = $system.GetProxy($Address)
    if ($null -ne $way -and $way.AbsoluteUri -ne $Address.AbsoluteUri) {
        $found = New-Object -TypeName System.Net.WebProxy -ArgumentList $way
        $found.UseDefaultCredentials = $true
        return $found
    }
    return Get-MachineProxy
}

function Set-Portal {
    # Check the address and the token, and select the proxy. The token is sent over TLS only.
    $uri = $null
    if (-not [Uri]::TryCreate($To, [UriKind]::Absolute, [ref] $uri)) { throw "${To}: an address begins with https://" }
    if ($uri.UserInfo -ne '' -or $uri.Query -ne '' -or $uri.Fragment -ne '') {
        throw 'an address has no user, no password, no ? and no #'
    }
    $isNear = $uri.Scheme -eq 'http' -and $uri.IsLoopback
    if ($uri.Scheme -ne 'https' -and -not $isNear) { throw "${To}: an address begins with https://" }
    if ($isNear -and $Proxy -ne '') { throw "$To is on this machine: leave the proxy out" }
    $script:Token = Get-Token
    if ($script:Token -cnotmatch '\A[\x21-\x7e]+\z') { throw 'the token is empty, or no token' }
    $script:WebProxy = Get-WebProxy $uri
    [Net.ServicePointManager]::SecurityProtocol = [Net.SecurityProtocolType]::Tls12
    [Net.ServicePointManager]::Expect100Continue = $false
}

function Read-Answer {
    # Return the parsed answer, whether from the portal or from something in between.
    param([Net.HttpWebResponse] $Response)

    $builder = New-Object -TypeName System.Text.StringBuilder
    $stream = $Response.GetResponseStream()
    $reader = New-Object -TypeName System.IO.StreamReader -ArgumentList $stream, $script:Utf8
    try {
        $buffer = New-Object -TypeName char[] -ArgumentList 65536
        while ($builder.Length -lt $LargestAnswer) {
            $count = $reader.Read($buffer, 0, $buffer.Length)
            if ($count -le 0) { break }
            [void] $builder.Append($buffer, 0, $count)
        }
    }
    finally { $reader.Dispose() }
    $type = ([string] $Response.ContentType).Split([char[]] ';')[0]
    $document = $null
    try { $document = ConvertFrom-Json -InputObject $builder.ToString() } catch { }
    $after = [string] $Response.Headers['Retry-After']
    $wait = $null
    if ($after -match '\A[0-9]{1,9}\z') { $wait = [double] $after }
    $place = $null
    $redirect = ''
    if ([Uri]::TryCreate([string] $Response.Headers['Location'], [UriKind]::Absolute, [ref] $place)) { $redirect = $place.Host }
    return [pscustomobject] @{
        Status = [int] $Response.StatusCode
        Document = $document
        RetryAfter = $wait
        Kind = Get-Label $type
        Server = Get-Label ([string] $Response.Server)
        Redirect = Get-Label $redirect
    }
}

function Send-Once {
    # Send one request. Returns the answer, or the failure and whether it concerns all requests.
    param([string] $Method, [string] $Path, [IO.Stream] $Content, [string] $Kind, [hashtable] $Headers)

    $request = [Net.WebRequest]::Create($To.TrimEnd('/') + $Path)
    $response = $null
    try {
        $request.Method = $Method
        # A redirect would take the token to another address.
        $request.AllowAutoRedirect = $false
        # Files are streamed. JSON is buffered, to be sent again after the sign-in to a proxy.
        $request.AllowWriteStreamBuffering = $Content -is [IO.MemoryStream]
        $request.KeepAlive = $false
        $request.Timeout = $Timeout
        $request.ReadWriteTimeout = $Timeout
        $request.UserAgent = 'usage-sender'
        $request.Proxy = $script:WebProxy
        $request.ContentType = $Kind
        $request.ContentLength = $Content.Length
        $request.Headers.Add('Authorization', "Bearer $($script:Token)")
        foreach ($name in $Headers.Keys) { $request.Headers.Add($name, $Headers[$name]) }
        try {
            $Content.Position = 0
            $target = $request.GetRequestStream()
            try { $Content.CopyTo($target, 65536) } finally { $target.Close() }
        }
        catch {
            # The answer may have come before everything was sent. It is read below.
        }
        $response = $request.GetResponse()
        return [pscustomobject] @{ Answer = Read-Answer $response; Failure = ''; IsOfAll = $false }
    }
    catch {
        $cause = Get-Cause $_.Exception
        if ($cause -is [Net.WebException] -and $cause.Response -is [Net.HttpWebResponse]) {
            $response = $cause.Response
            try {
                return [pscustomobject] @{ Answer = Read-Answer $response; Failure = ''; IsOfAll = $false }
            }
            catch { $cause = Get-Cause $_.Exception }
        }
        $isOfAll = $cause -is [Net.WebException] -and $cause.Status -eq [Net.WebExceptionStatus]::TrustFailure
        return [pscustomobject] @{ Answer = $null; Failure = $cause.Message; IsOfAll = $isOfAll }
    }
    finally {
        if ($null -ne $response) { $response.Close() }
        $request.Abort()
    }
}

function Test-OfPortal {
    # Each answer of the portal has one of these fields.
    param($Answer)

    foreach ($name in @('code', 'verdict', 'files', 'conclusion')) {
        if ($null -ne (Get-Field $Answer.Document $name)) { return $true }
    }
    return $false
}

function Get-Reason {
    # Return an answer as text for the reader of the log.
    param($Answer)

    if (Test-OfPortal $Answer) {
        $title = Get-Field $Answer.Document 'title'
        if ($null -eq $title) { $title = "status $($Answer.Status)" }
        return "$title $(Get-Field $Answer.Document 'advice')".TrimEnd()
    }
    $facts = "status $($Answer.Status)"
    if ($Answer.Kind -ne '') { $facts += ", $($Answer.Kind)" }
    if ($Answer.Server -ne '') { $facts += ", from $($Answer.Server)" }
    if ($Answer.Redirect -ne '') { $facts += ", redirects to $($Answer.Redirect)" }
    $advice = 'Check the address of the portal; if it is right, ask whoever runs the network of this server to let the request pass.'
    if ($Answer.Status -eq 407) { $advice = 'It is a proxy that asks for a user and a password. Give them with HTTPS_PROXY or -Proxy.' }
    if ($Answer.Status -eq 413) { $advice = 'It does not pass files of this size on. Ask whoever runs it to allow larger requests.' }
    if ($Passing -contains $Answer.Status) { $advice = 'The portal may be starting again. If this lasts, ask whoever runs the portal.' }
    return "something between this server and the portal answered: $facts. $advice"
}

function Send-Patiently {
    # Send a request until it is answered: at most $Tries times, or $Most times while the portal is busy.
    param([string] $Method, [string] $Path, [IO.Stream] $Content, [string] $Kind, [hashtable] $Headers, [int] $Tries, [int] $Most)

    $wait = $FirstWait
    $failed = [pscustomobject] @{ Answer = $null; Failure = ''; IsOfAll = $false }
    for ($number = 0; $number -lt $Most; $number++) {
        if ($number -ge $Tries -and -not $failed.IsOfAll) { break }
        if ($number -gt 0) {
            Start-Sleep -Milliseconds ([int] (1000 * $wait * (Get-Random -Minimum 0.75 -Maximum 1.25)))
            $wait = [Math]::Min(2 * $wait, $LongestWait)
        }
        $sent = Send-Once $Method $Path $Content $Kind $Headers
        if ($null -eq $sent.Answer) {
            $failed = $sent
            if ($sent.IsOfAll) { break }
            continue
        }
        $answer = $sent.Answer
        $isPassing = $Passing -contains $answer.Status -or $OfTheLine -contains (Get-Field $answer.Document 'code')
        if (-not $isPassing) { return $sent }
        $isBusy = (Test-OfPortal $answer) -and $Busy -contains $answer.Status
        $failed = [pscustomobject] @{ Answer = $answer; Failure = Get-Reason $answer; IsOfAll = $isBusy }
        if ($null -ne $answer.RetryAfter) {
            if ($answer.RetryAfter -gt $LongestAsked) { break }
            $wait = [Math]::Max($answer.RetryAfter, $FirstWait)
        }
    }
    return $failed
}

function Send-Json {
    # Send a JSON object; returns the same as Send-Patiently.
    param([string] $Method, [string] $Path, [hashtable] $Document, [int] $Most)

    $bytes = $script:Utf8.GetBytes((ConvertTo-Json -InputObject $Document -Depth 5 -Compress))
    $content = New-Object -TypeName System.IO.MemoryStream -ArgumentList (, $bytes)
    try { return Send-Patiently $Method $Path $content 'application/json' @{} $Most $Most } finally { $content.Dispose() }
}


# One run

function Stop-Run {
    # End the run: every other file would fail too.
    param([string] $Line, [int] $Code, [bool] $IsAnswered)

    $script:RunEnd = [pscustomobject] @{ Line = $Line; Code = $Code; IsAnswered = $IsAnswered }
    throw $Line
}

function Get-Answers {
    # Request which files are needed. Returns one answer for each file, in their order.
    param([object[]] $Files)

    for ($start = 0; $start -lt $Files.Length; $start += $AtOnce) {
        $last = [Math]::Min($start + $AtOnce, $Files.Length) - 1
        $batch = @($Files[$start..$last])
        # Without names: they do not identify content, and a filter may reject odd ones.
        $questions = @(foreach ($one in $batch) { @{ size = $one.Size; sha256 = $one.Sha256 } })
        $sent = Send-Json 'POST' '/api/v1/files/check' @{ files = $questions } $MostTries
        if ($sent.Failure -ne '' -or $null -eq $sent.Answer) {
            Stop-Run "not delivered: $($sent.Failure)" $Undelivered ($null -ne $sent.Answer)
        }
        if (-not (Test-OfPortal $sent.Answer)) { Stop-Run "not delivered: $(Get-Reason $sent.Answer)" $Undelivered $false }
        $found = Get-Field $sent.Answer.Document 'files'
        if ($sent.Answer.Status -ne 200 -or $null -eq $found) { Stop-Run "refused: $(Get-Reason $sent.Answer)" $Rejected $false }
        $answers = @($found)
        if ($answers.Length -ne $batch.Length) { Stop-Run 'not delivered: the answer is about other files' $Undelivered $false }
        foreach ($answer in $answers) {
            if ((Get-Field $answer 'is_needed') -isnot [bool]) { Stop-Run 'not delivered: the answer is about other files' $Undelivered $false }
            $answer
        }
    }
}

function Add-Item {
    # Add how one file ended to the report.
    param($File, [string] $Outcome, [hashtable] $More)

    $item = @{ name = $File.Name; size = $File.Size; outcome = $Outcome }
    foreach ($key in $More.Keys) { if ($More[$key]) { $item[$key] = $More[$key] } }
    $script:Run.Items.Add($item)
}

function Complete-File {
    # Write how one file ended, and count it.
    param($File, [int] $Code, [string] $Line)

    $script:Run.Codes.Add($Code)
    [void] $script:Run.Waiting.Remove($File.Path)
    Write-Line $Line
}

function Complete-Known {
    # The portal has this content.
    param($File, $Answer)

    $stored = Get-Field $Answer 'file'
    $code = $Accepted
    if ((Get-Field $stored 'state') -eq 'held') { $code = $Held }
    Complete-File $File $code "already here: $($File.Name)"
    Add-Item $File 'already here' @{ file = Get-Field $stored 'id' }
}

function Complete-Left {
    # The file is left for the next run.
    param($File, [string] $Reason, [string] $Code)

    Complete-File $File $Accepted "left for next time: $($File.Name) ($Reason)"
    Add-Item $File 'unreadable' @{ code = $Code }
}

function Get-FailureCode {
    # Return the code for a file that was not delivered.
    param($Answer)

    if ($null -eq $Answer) { return 'no-answer' }
    if (Test-OfPortal $Answer) { return [string] (Get-Field $Answer.Document 'code') }
    if ($Answer.Status -eq 401 -or $Answer.Status -eq 407) { return 'blocked-sign-in' }
    if ($Answer.Status -eq 413) { return 'blocked-size' }
    if ($Passing -contains $Answer.Status) { return 'unreached' }
    if ($Answer.Status -ge 400) { return 'blocked' }
    return 'blocked-page'
}

function Open-Shared {
    # Open a file that no other program has open for writing; otherwise this throws.
    # $Share is what others may do meanwhile: without it, read.
    param([string] $Path, [IO.FileShare] $Share = [IO.FileShare]::Read)

    return New-Object -TypeName System.IO.FileStream -ArgumentList $Path, ([IO.FileMode]::Open), ([IO.FileAccess]::Read), $Share
}

function Test-Unfinished {
    # Return whether a usage file is shorter than it declares. It begins with 8 bytes of magic
    # number, 6 other bytes, and 8 of length.
    param([byte[]] $Start, [int] $Count, [long] $Size)

    if ($Count -lt 22) { return $true }
    if ((Get-Hex $Start).Substring(0, 16) -ne '895553470d0a1a0a') { return $false }
    $declared = [decimal] 0
    for ($at = 14; $at -lt 22; $at++) { $declared = 256 * $declared + $Start[$at] }
    return $Size -lt $declared
}

function Get-State {
    # Return the file if it is closed, or the reason why it is left or skipped.
    param([IO.FileSystemInfo] $Entry)

    $left = @{ Why = 'skipped'; Reason = ''; Code = ''; IsRoutine = $true; File = $null }
    if ($Entry.Name.StartsWith('._', [StringComparison]::Ordinal)) { $left.Reason = 'it is a metadata file of macOS'; return $left }
    if ($Entry -is [IO.DirectoryInfo]) { $left.Reason = 'it is a directory'; return $left }
    # A directory may list an older time and size of a file.
    $Entry.Refresh()
    # .NET Framework says so of a file that is gone.
    if ([int] $Entry.Attributes -eq -1) {
        $gone = New-Object -TypeName System.IO.FileNotFoundException
        throw $gone
    }
    # Files that Windows has deduplicated are reparse points too, but not links.
    $isMark = ($Entry.Attributes -band [IO.FileAttributes]::ReparsePoint) -ne 0
    if ($isMark -and (Get-Item -LiteralPath $Entry.FullName -Force).LinkType -eq 'SymbolicLink') { $left.Reason = 'it is a link'; return $left }
    # A time in the future is from a clock that was wrong: do not wait for it.
    $age = [Math]::Abs(([DateTime]::UtcNow - $Entry.LastWriteTimeUtc).TotalSeconds)
    $left = @{ Why = 'left for next time'; Reason = ''; Code = 'unreadable-open'; IsRoutine = $age -lt $UnfinishedFor; File = $null }
    if ($age -lt $QuietFor) { $left.Reason = 'it changed less than 2 minutes ago'; return $left }
    $stream = Open-Shared $Entry.FullName
    try {
        $size = $stream.Length
        $start = New-Object -TypeName byte[] -ArgumentList 22
        $count = $stream.Read($start, 0, 22)
        if ((Test-Unfinished $start $count $size) -and $age -lt $UnfinishedFor) { $left.Reason = 'it is not complete yet'; return $left }
        $stream.Position = 0
        $digest = Get-Hash $stream
        if ($stream.Length -ne $size) { $left.Reason = 'it is being written'; return $left }
    }
    finally { $stream.Dispose() }
    $left.File = [pscustomobject] @{
        Path = $Entry.FullName
        Name = Get-Label $Entry.Name
        Size = $size
        Written = $Entry.LastWriteTimeUtc
        Sha256 = Get-Hex $digest
        Digest = [Convert]::ToBase64String($digest)
    }
    return $left
}

function Get-FileFailure {
    # Return why a file cannot be read. Errors 32 and 33: another program has opened or locked it.
    param([Exception] $Failure)

    if ($Failure -is [IO.FileNotFoundException]) {
        return @{ Why = 'left for next time'; Reason = 'it is gone'; Code = 'unreadable-gone'; IsRoutine = $true; File = $null }
    }
    $number = $Failure.HResult -band 0xFFFF
    if ($Failure -is [IO.IOException] -and ($number -eq 32 -or $number -eq 33)) {
        return @{ Why = 'left for next time'; Reason = 'it is locked'; Code = 'unreadable-open'; IsRoutine = $false; File = $null }
    }
    $code = 'unreadable-system'
    if ($Failure -is [UnauthorizedAccessException]) { $code = 'unreadable-forbidden' }
    return @{ Why = 'cannot be read'; Reason = $Failure.Message; Code = $code; IsRoutine = $false; File = $null }
}

function Test-Changed {
    param($File)

    try {
        $now = New-Object -TypeName System.IO.FileInfo -ArgumentList $File.Path
        return (-not $now.Exists) -or $now.Length -ne $File.Size -or $now.LastWriteTimeUtc -ne $File.Written
    }
    catch { return $true }
}

function Lock-Run {
    # Return whether this is the only run for the directory. Windows releases the lock with the process.
    param([string] $Path)

    $bytes = $script:Utf8.GetBytes($Path.TrimEnd([char[]] '\/').ToLowerInvariant())
    $content = New-Object -TypeName System.IO.MemoryStream -ArgumentList (, $bytes)
    $name = 'Global\usage-sender-' + (Get-Hex (Get-Hash $content)).Substring(0, 32)
    try {
        $script:Mutex = New-Object -TypeName System.Threading.Mutex -ArgumentList $false, $name
        return $script:Mutex.WaitOne(0)
    }
    catch {
        $cause = Get-Cause $_.Exception
        # The previous run was killed, and this run has the lock now.
        if ($cause -is [Threading.AbandonedMutexException]) { return $true }
        # A run of another account has the lock.
        if ($cause -is [UnauthorizedAccessException]) { return $false }
        return $true
    }
}

function Find-Closed {
    # Add the closed files to $Run.Waiting, and write why others are left.
    param([string] $Path)

    $folder = New-Object -TypeName System.IO.DirectoryInfo -ArgumentList $Path
    foreach ($one in @($folder.GetFileSystemInfos() | Sort-Object -Property Name)) {
        if (-not $one.Name.EndsWith('.usg', [StringComparison]::OrdinalIgnoreCase)) { continue }
        $size = 0
        try { if ($one -is [IO.FileInfo]) { $size = $one.Length } } catch { }
        try { $state = Get-State $one }
        catch {
            $state = Get-FileFailure (Get-Cause $_.Exception)
            if ($state.Reason -eq 'it is locked') {
                try { $state.IsRoutine = [Math]::Abs(([DateTime]::UtcNow - $one.LastWriteTimeUtc).TotalSeconds) -lt $UnfinishedFor } catch { }
            }
        }
        if ($null -ne $state.File) {
            $script:Run.Waiting[$state.File.Path] = $state.File
            $script:Run.Files++
            $script:Run.Bytes += $state.File.Size
            continue
        }
        $name = Get-Label $one.Name
        Write-Line "$($state.Why): $name ($($state.Reason))"
        if ($state.Why -eq 'cannot be read') { $script:Run.Codes.Add($Undelivered) }
        if ($state.IsRoutine) {
            $script:Run.Others++
            continue
        }
        $script:Run.Files++
        $script:Run.Bytes += $size
        Add-Item ([pscustomobject] @{ Name = $name; Size = $size }) 'unreadable' @{ code = $state.Code }
    }
}

function Request-Needed {
    # Return the files that the portal needs.
    param([object[]] $Files)

    $answers = @(Get-Answers $Files)
    for ($at = 0; $at -lt $Files.Length; $at++) {
        if (Get-Field $answers[$at] 'is_needed') { $Files[$at] }
        else { Complete-Known $Files[$at] $answers[$at] }
    }
}

function Send-Needed {
    # Send each file once. Returns the files that had no answer.
    param([object[]] $Files)

    if ($Files.Length -gt 0) { [void] (Submit-Items @() $false 1) }
    foreach ($one in $Files) {
        if ($null -ne (Send-Guarded $one 1)) { $one }
    }
}

function Send-Again {
    # Send the files that had no answer once more, now that they delay no others.
    param([object[]] $Files)

    foreach ($one in $Files) {
        $failed = Send-Guarded $one $TriesLater
        if ($null -eq $failed) { continue }
        Complete-File $one $Undelivered "not delivered: $($one.Name) ($($failed.Failure))"
        Add-Item $one 'failed' @{ code = Get-FailureCode $failed.Answer }
    }
}

function Send-Guarded {
    # Send a file; an unexpected error fails this file only.
    param($File, [int] $Tries)

    try { return Send-File $File $Tries }
    catch {
        if ($null -ne $script:RunEnd) { throw }
        $reason = (Get-Cause $_.Exception).Message
        Complete-File $File $Undelivered "not delivered: $($File.Name) ($reason)"
        Add-Item $File 'failed' @{ code = 'no-answer' }
        return $null
    }
}

function Send-File {
    # Send a file and write its verdict. Returns $null, or why there is no verdict.
    param($File, [int] $Tries)

    $stream = $null
    try { $stream = Open-Shared $File.Path }
    catch {
        Complete-Left $File (Get-Cause $_.Exception).Message 'unreadable-open'
        return $null
    }
    try {
        if (Test-Changed $File) {
            Complete-Left $File 'it is being written' 'unreadable-changed'
            return $null
        }
        $headers = @{ 'Content-Digest' = "sha-256=:$($File.Digest):"; 'Portal-Upload' = $script:Run.Key }
        $path = '/api/v1/files/' + [Uri]::EscapeDataString($File.Name)
        $sent = Send-Patiently 'PUT' $path $stream 'application/octet-stream' $headers $Tries $MostTries
    }
    finally { $stream.Dispose() }
    if ($sent.Failure -eq '') {
        Write-Verdict $File $sent.Answer
        return $null
    }
    if ($sent.IsOfAll) { Stop-Run "not delivered: $($sent.Failure)" $Undelivered ($null -ne $sent.Answer) }
    # The file may have arrived, and only the answer was lost.
    $answers = @(Get-Answers @($File))
    if (Get-Field $answers[0] 'is_needed') { return $sent }
    Complete-Known $File $answers[0]
    return $null
}

function Write-Verdict {
    # Write what the portal, or something in between, answered about a file.
    param($File, $Answer)

    $code = [string] (Get-Field $Answer.Document 'code')
    if (-not (Test-OfPortal $Answer)) {
        Complete-File $File $Undelivered "not delivered: $($File.Name) ($(Get-Reason $Answer))"
        Add-Item $File 'failed' @{ code = Get-FailureCode $Answer; status = $Answer.Status }
        return
    }
    if ($OfAll -contains $code) { Stop-Run "refused: $(Get-Reason $Answer)" $Rejected $false }
    if ($code -eq $QuotaFull) { Stop-Run "not delivered: $(Get-Reason $Answer)" $Undelivered $true }
    if ($code -eq 'digest-differs' -and (Test-Changed $File)) {
        Complete-Left $File 'it is being written' 'unreadable-changed'
        return
    }
    $verdict = [string] (Get-Field $Answer.Document 'verdict')
    $stored = Get-Field $Answer.Document 'file'
    $outcome = $verdict
    $exit = $Rejected
    if (@('accepted', 'already here', 'received') -contains $verdict) { $exit = $Accepted }
    if ($verdict -eq 'held') { $exit = $Held }
    if ($verdict -eq '') { $verdict = 'refused'; $outcome = 'failed' }
    Complete-File $File $exit "${verdict}: $($File.Name)"
    if ($null -ne (Get-Field $Answer.Document 'title')) { Write-Line "  $(Get-Reason $Answer)" }
    foreach ($problem in @(Get-Field $stored 'problems')) {
        if ($null -ne $problem) { Write-Line "  $(Get-Field $problem 'title') $(Get-Field $problem 'advice')" }
    }
    Add-Item $File $outcome @{ code = $code; file = Get-Field $stored 'id' }
}

function Remove-Safe {
    # Delete the files that the portal confirms in S3 and that are still the same.
    param([object[]] $Files)

    $answers = @(Get-Answers $Files)
    $safe = @(for ($at = 0; $at -lt $Files.Length; $at++) {
        $stored = Get-Field $answers[$at] 'file'
        $isSame = (Get-Field $stored 'sha256') -ceq $Files[$at].Sha256 -and (Get-Field $stored 'size') -eq $Files[$at].Size
        if ($isSame -and (Get-Field $answers[$at] 'is_needed') -eq $false -and (Get-Field $stored 'is_safe_to_delete') -eq $true) { $Files[$at] }
    })
    foreach ($one in $safe) { Write-Line "safe to delete: $($one.Name)" }
    foreach ($one in $safe) {
        $isDeleted = $false
        try {
            # It stays open until it is deleted, so that nobody can write to it in between.
            $stream = Open-Shared $one.Path ([IO.FileShare] 'Read, Delete')
            try {
                $isSame = (Get-Hex (Get-Hash $stream)) -ceq $one.Sha256
                if ($isSame -and -not (Test-Changed $one)) {
                    [IO.File]::Delete($one.Path)
                    $isDeleted = $true
                }
            }
            finally { $stream.Dispose() }
        }
        catch { }
        if ($isDeleted) { Write-Line "deleted: $($one.Name)" } else { Write-Line "kept, it has changed: $($one.Name)" }
    }
}

function Write-Unsent {
    # Write which files the run did not send.
    foreach ($one in @($script:Run.Waiting.Values)) {
        Write-Line "not sent: $($one.Name)"
        Add-Item $one 'stopped' @{}
    }
}

function Submit-Items {
    # Send one report. Returns why it failed, or an empty text.
    param([object[]] $Items, [bool] $IsEnded, [int] $Most)

    $script:Run.Step++
    $document = @{
        step = $script:Run.Step
        machine = $Machine
        version = $Version
        files = $script:Run.Files
        bytes = $script:Run.Bytes
        others = $script:Run.Others
        is_ended = $IsEnded
        items = @($Items)
    }
    try { $sent = Send-Json 'PUT' "/api/v1/uploads/$($script:Run.Key)/report" $document $Most }
    catch { return (Get-Cause $_.Exception).Message }
    if ($sent.Failure -ne '' -or $null -eq $sent.Answer) { return $sent.Failure }
    if ($sent.Answer.Status -ne 200 -or $null -eq (Get-Field $sent.Answer.Document 'id')) { return Get-Reason $sent.Answer }
    return ''
}

function Submit-Report {
    # Report how the run ended. A report that fails changes nothing about the run.
    param([int] $Most)

    # Files that were already in the portal come last: only as many are reported as fit.
    $new = @(foreach ($one in $script:Run.Items) { if ($one.outcome -ne 'already here') { $one } })
    $known = @(foreach ($one in $script:Run.Items) { if ($one.outcome -eq 'already here') { $one } })
    $count = [int] [Math]::Ceiling([double] $new.Length / $ItemsAtOnce)
    $count = [Math]::Min([Math]::Max($count, 1) * $ItemsAtOnce, $ItemsAtMost)
    $count = [Math]::Min($count, $new.Length + $known.Length)
    $items = @($new + $known)
    for ($at = 0; $at -lt $count; $at++) { $items[$at].number = $at }
    $at = 0
    do {
        $last = [Math]::Min($at + $ItemsAtOnce, $count) - 1
        $part = @()
        if ($last -ge $at) { $part = @($items[$at..$last]) }
        $at += $ItemsAtOnce
        $failure = Submit-Items $part ($at -ge $count) $Most
        if ($failure -ne '') { return $failure }
    } while ($at -lt $count)
    return ''
}

function Select-Code {
    # Return the worst of the codes of all files.
    $worst = 0
    foreach ($code in $script:Run.Codes) { $worst = [Math]::Max($worst, [Array]::IndexOf($WorstLast, $code)) }
    return $WorstLast[$worst]
}

function Invoke-Send {
    # Send a directory, and return the exit code.
    param([string] $Path)

    # Step 1: Let one run at a time send a directory.
    $isAlone = Lock-Run $Path
    if (-not $isAlone) {
        Write-Line 'another run sends this directory; this one ends'
        return $Accepted
    }
    $script:Run = [pscustomobject] @{
        Key = [Guid]::NewGuid().ToString()
        Codes = New-Object -TypeName System.Collections.Generic.List[int]
        Waiting = New-Object -TypeName System.Collections.Specialized.OrderedDictionary
        Items = New-Object -TypeName System.Collections.Generic.List[object]
        Files = 0
        Bytes = [long] 0
        Others = 0
        Step = 0
    }
    $most = 2
    # Step 2: Find the files that are closed, and hash them.
    Find-Closed $Path
    $found = @($script:Run.Waiting.Values)
    try {
        # Step 3: Request which files are needed, by their hash.
        $needed = @(Request-Needed $found)
        # Step 4: Send the needed files.
        $unanswered = @(Send-Needed $needed)
        # Step 5: Send again what had no answer.
        Send-Again $unanswered
        # Step 6: Remove the files that are safe to delete, if that is wanted.
        if ($DeleteSafe) { Remove-Safe $found }
    }
    catch {
        if ($null -eq $script:RunEnd) { throw }
        $most = 1
        Write-Line $script:RunEnd.Line
        $script:Run.Codes.Add($script:RunEnd.Code)
    }
    # Step 7: Write which files were not sent.
    Write-Unsent
    # Step 8: Submit the report of the run to the portal.
    if ($null -eq $script:RunEnd -or $script:RunEnd.IsAnswered) { $failure = Submit-Report $most } else { $failure = '' }
    if ($failure -ne '' -and $null -eq $script:RunEnd) { Write-Line "run not reported: $failure" }
    # Step 9: Select the exit code.
    return Select-Code
}


# Access check

# The text of each conclusion.
$Titles = @{
    'works' = 'Access works: S3 answers AccessDenied, as expected.'
    'works-partly' = 'Access works for one name of the bucket, but not for the other.'
    'other-answer' = 'S3 is reached, but its answer is not the expected one.'
    'intercepted' = "The certificate or the answer is not verifiably Amazon's."
    'clock' = "Amazon's certificate is not valid at the time of this server."
    'authority-unknown' = "This server does not trust the authority that issued Amazon's certificate."
    'proxy' = 'The proxy does not connect this server to the bucket.'
    'names-blocked' = 'S3 is reached, but the names of the bucket are blocked.'
    'port-blocked' = 'DNS resolves the names, but no connection is made.'
    'cut' = 'Connections are made, but no answer is received.'
    'names-filtered' = 'DNS does not resolve the names of the bucket.'
    'dns-broken' = "DNS does not resolve Amazon's names."
}
$BucketNames = @('@BUCKET_NAMES@')
$ServiceNames = @('@SERVICE_NAMES@')
$CheckPort = '@PORT@'
$AmazonIssuer = '@ISSUER@'
$CheckTimeout = 20000
$LargestPage = 65536

function Stop-Probe {
    # Record the step that failed for a name.
    param($Probe, [string] $Outcome, [string] $Detail)

    $Probe.outcome = $Outcome
    if ($Detail.Length -gt 600) { $Detail = $Detail.Substring(0, 600) }
    $Probe.detail = Get-Label $Detail
}

function Connect-Host {
    # Connect to the first address that answers. Returns the connection, or the reason as text.
    param([Net.IPAddress[]] $Addresses, [int] $Port)

    $reason = 'no address'
    foreach ($address in $Addresses) {
        $client = New-Object -TypeName System.Net.Sockets.TcpClient -ArgumentList $address.AddressFamily
        try {
            $pending = $client.BeginConnect($address, $Port, $null, $null)
            if ($pending.AsyncWaitHandle.WaitOne([int] ($CheckTimeout / $Addresses.Length))) {
                $client.EndConnect($pending)
                $client.ReceiveTimeout = $CheckTimeout
                $client.SendTimeout = $CheckTimeout
                return $client
            }
            $reason = 'it did not connect in time'
        }
        catch { $reason = (Get-Cause $_.Exception).Message }
        $client.Close()
    }
    return $reason
}

function Resolve-Host {
    # Return the addresses of a name, or the reason as text.
    param([string] $Name)

    try {
        $pending = [Net.Dns]::BeginGetHostAddresses($Name, $null, $null)
        if (-not $pending.AsyncWaitHandle.WaitOne($CheckTimeout)) { return 'DNS did not answer in time' }
        return [Net.Dns]::EndGetHostAddresses($pending)
    }
    catch { return (Get-Cause $_.Exception).Message }
}

function Read-Page {
    # Return the answer of a server, or the head of the answer of a proxy, as text.
    param([IO.Stream] $Stream, [bool] $IsHeadOnly)

    $watch = [Diagnostics.Stopwatch]::StartNew()
    $buffer = New-Object -TypeName byte[] -ArgumentList 4096
    $builder = New-Object -TypeName System.Text.StringBuilder
    while ($builder.Length -lt $LargestPage) {
        if ($watch.ElapsedMilliseconds -gt $CheckTimeout) { throw 'it did not end in time' }
        # The head is read byte by byte, because the bytes after it belong to the tunnel.
        $most = $buffer.Length
        if ($IsHeadOnly) { $most = 1 }
        $count = $Stream.Read($buffer, 0, $most)
        if ($count -le 0) { break }
        [void] $builder.Append([Text.Encoding]::UTF8.GetString($buffer, 0, $count))
        if ($IsHeadOnly -and $buffer[0] -eq 10 -and $builder.ToString().EndsWith("`r`n`r`n", [StringComparison]::Ordinal)) { break }
    }
    return $builder.ToString()
}

function Open-Way {
    # Connect to a name, or to the proxy and through it. Returns the connection, or $null.
    param($Probe, $Way)

    if ($null -eq $Way) {
        $found = Resolve-Host $Probe.name
        if ($found -is [string]) { Stop-Probe $Probe 'not-resolved' $found; return $null }
        $addresses = @($found)
        $Probe.addresses = @(foreach ($address in $addresses) { $address.ToString() })
        $client = Connect-Host $addresses $CheckPort
        if ($client -is [string]) { Stop-Probe $Probe 'not-connected' $client; return $null }
        return $client
    }
    $found = Resolve-Host $Way.Address.Host
    if ($found -is [string]) { Stop-Probe $Probe 'proxy-away' $found; return $null }
    $client = Connect-Host @($found) $Way.Address.Port
    if ($client -is [string]) { Stop-Probe $Probe 'proxy-away' $client; return $null }
    $lines = "CONNECT $($Probe.name):$CheckPort HTTP/1.1`r`nHost: $($Probe.name):$CheckPort`r`n"
    if ($Way.Credentials -is [Net.NetworkCredential] -and $Way.Credentials.UserName -ne '') {
        $pair = $script:Utf8.GetBytes("$($Way.Credentials.UserName):$($Way.Credentials.Password)")
        $lines += "Proxy-Authorization: Basic $([Convert]::ToBase64String($pair))`r`n"
    }
    try {
        $bytes = [Text.Encoding]::ASCII.GetBytes("$lines`r`n")
        $wire = $client.GetStream()
        $wire.Write($bytes, 0, $bytes.Length)
        $head = Read-Page $wire $true
    }
    catch {
        Stop-Probe $Probe 'proxy-away' (Get-Cause $_.Exception).Message
        $client.Close()
        return $null
    }
    $status = 0
    if ($head -match '\AHTTP/1\.[01] ([0-9]{3})') { $status = [int] $Matches[1] }
    if ($status -eq 200) { return $client }
    $outcome = 'proxy-refused'
    if ($status -eq 407) { $outcome = 'proxy-sign-in' }
    if ($status -eq 0) { $outcome = 'proxy-away' }
    Stop-Probe $Probe $outcome "the proxy answers with status $status"
    $client.Close()
    return $null
}

function Get-Issuer {
    # Return the issuer of a certificate, organisation first.
    param([Security.Cryptography.X509Certificates.X509Certificate2] $Certificate)

    $names = @{ O = ''; CN = '' }
    foreach ($part in $Certificate.IssuerName.Format($true).Split([char[]] "`r`n")) {
        if ($part -match '\A\s*(O|CN)\s*=\s*(.*)\z') { $names[$Matches[1]] = (Get-Label $Matches[2].Trim([char[]] ' "')) }
    }
    return (@($names['O'], $names['CN']) -ne '') -join ', '
}

function Get-TrustOutcome {
    # Return the outcome for a certificate that is not trusted, or an empty text.
    param([Net.Security.SslPolicyErrors] $Errors, [string[]] $Status, [bool] $IsSelfSigned)

    if ($Errors -eq [Net.Security.SslPolicyErrors]::None) { return '' }
    if ($Errors -ne [Net.Security.SslPolicyErrors]::RemoteCertificateChainErrors) { return 'certificate-not-trusted' }
    if ($Status -contains 'NotTimeValid') { return 'certificate-not-valid-now' }
    if ($IsSelfSigned) { return 'certificate-not-trusted' }
    if ($Status -contains 'UntrustedRoot' -or $Status -contains 'PartialChain') { return 'authority-unknown' }
    return 'certificate-not-trusted'
}

function Read-Outcome {
    # Judge the answer to a request without credentials: S3's AccessDenied is success.
    param($Probe, [string] $Page)

    $parts = $Page -split "`r`n`r`n", 2
    if ($parts[0] -match '\AHTTP/1\.[01] ([0-9]{3})') { $Probe.status = [int] $Matches[1] }
    else { Stop-Probe $Probe 'no-answer' 'the answer is not HTTP'; return }
    $body = ''
    if ($parts.Length -gt 1) { $body = $parts[1] -replace '\A[0-9A-Fa-f]+\r\n', '' }
    if ($body -match '\A\s*(<\?xml[^>]{0,200}\?>\s*)?<Error[\s>]' -and $body -match '<Code>([A-Za-z0-9]{1,64})</Code>') {
        $Probe.code = $Matches[1]
        $Probe.outcome = 'other-answer-of-s3'
        if ($Probe.code -ceq 'AccessDenied' -and $Probe.status -eq 403) { $Probe.outcome = 'access-denied' }
        return
    }
    if ($parts[0] -match '(?im)^Server:\s*AmazonS3\s*$') { $Probe.outcome = 'other-answer-of-s3'; return }
    $title = ''
    if ($body -match '(?i)<title[^>]{0,200}>([^<]{1,120})') { $title = $Matches[1] }
    elseif ($parts[0] -match '(?im)^Location:\s*(\S{1,120})') { $title = $Matches[1] }
    Stop-Probe $Probe 'not-s3' $title
}

function Test-Name {
    # Reach a name and read its answer: DNS, connection, TLS, HTTP. The first step that fails ends the probe.
    param([string] $Name, [bool] $IsOfBucket)

    $watch = [Diagnostics.Stopwatch]::StartNew()
    $probe = @{
        name = $Name; is_of_bucket = $IsOfBucket; outcome = 'no-answer'; addresses = @(); tls = ''
        issuer = ''; status = $null; code = ''; detail = ''; seconds = 0.0
    }
    $client = Open-Way $probe (Get-WebProxy "https://$Name/")
    if ($null -ne $client) {
        $secure = $null
        try {
            $wire = $client.GetStream()
            $script:Seen = @{ Errors = [Net.Security.SslPolicyErrors]::None; Status = @() }
            # The certificate is accepted here and judged below, before anything is sent, so that its issuer can be named.
            $callback = [Net.Security.RemoteCertificateValidationCallback] {
                param($From, $Certificate, $Chain, $Errors)
                $script:Seen.Errors = $Errors
                if ($null -ne $Chain) { $script:Seen.Status = @(foreach ($one in $Chain.ChainStatus) { $one.Status.ToString() }) }
                return $true
            }
            $secure = New-Object -TypeName System.Net.Security.SslStream -ArgumentList $wire, $false, $callback
            $probe.outcome = 'tls-failed'
            $secure.AuthenticateAsClient($Name, $null, [Security.Authentication.SslProtocols]::Tls12, $false)
            $probe.tls = $secure.SslProtocol.ToString().Replace('Tls12', 'TLSv1.2')
            $certificate = New-Object -TypeName System.Security.Cryptography.X509Certificates.X509Certificate2 -ArgumentList $secure.RemoteCertificate
            $probe.issuer = Get-Issuer $certificate
            $seen = $script:Seen
            $untrusted = Get-TrustOutcome $seen.Errors $seen.Status ($certificate.Subject -eq $certificate.Issuer)
            if ($untrusted -ne '') { Stop-Probe $probe $untrusted ([string]::Join(', ', [string[]] (@($seen.Errors) + $seen.Status))) }
            else {
                $probe.outcome = 'no-answer'
                $bytes = [Text.Encoding]::ASCII.GetBytes("GET / HTTP/1.1`r`nHost: $Name`r`nUser-Agent: usage-access-check`r`nConnection: close`r`n`r`n")
                $secure.Write($bytes, 0, $bytes.Length)
                $page = Read-Page $secure $false
                if ($page -ne '') { Read-Outcome $probe $page }
            }
        }
        catch {
            # The connection may end after the whole answer: that answer has been judged.
            if ($null -eq $probe.status) { Stop-Probe $probe $probe.outcome (Get-Cause $_.Exception).Message }
        }
        finally {
            if ($null -ne $secure) { $secure.Dispose() }
            $client.Close()
        }
    }
    $probe.seconds = [Math]::Round($watch.Elapsed.TotalSeconds, 3)
    return $probe
}

function Test-Foreign {
    # Return whether the certificate or the answer is not verifiably Amazon's.
    param($Probe)

    if (@('certificate-not-trusted', 'not-s3') -contains $Probe.outcome) { return $true }
    if ($Probe.outcome -eq 'authority-unknown' -and $Probe.issuer -eq '') { return $true }
    return $Probe.issuer -ne '' -and -not $Probe.issuer.Contains($AmazonIssuer)
}

function Select-Conclusion {
    # Return what follows from all probes, by the rules of the portal.
    param([object[]] $Bucket, [object[]] $Service)

    $good = @(foreach ($one in $Bucket) { if ($one.outcome -eq 'access-denied' -and -not (Test-Foreign $one)) { $one } })
    if ($good.Length -eq $Bucket.Length) { return 'works' }
    if ($good.Length -gt 0) { return 'works-partly' }
    $found = @(foreach ($one in $Bucket) { $one.outcome })
    foreach ($one in $Bucket) { if (Test-Foreign $one) { return 'intercepted' } }
    if (@($found -like 'proxy-*').Length -gt 0) { return 'proxy' }
    if ($found -contains 'other-answer-of-s3') { return 'other-answer' }
    if ($found -contains 'certificate-not-valid-now') { return 'clock' }
    if ($found -contains 'authority-unknown') { return 'authority-unknown' }
    $others = @(foreach ($one in $Service) { $one.outcome })
    foreach ($one in $Service) { if (Test-Foreign $one) { return 'intercepted' } }
    $isUnresolved = @($found -ne 'not-resolved').Length -eq 0
    foreach ($outcome in @('access-denied', 'other-answer-of-s3', 'certificate-not-valid-now', 'authority-unknown')) {
        if ($others -contains $outcome) {
            if ($isUnresolved) { return 'names-filtered' }
            return 'names-blocked'
        }
    }
    if ($others -contains 'not-resolved') { return 'dns-broken' }
    if ($isUnresolved) { return 'names-filtered' }
    foreach ($outcome in @('no-answer', 'tls-failed')) { if (($found + $others) -contains $outcome) { return 'cut' } }
    return 'port-blocked'
}

function Invoke-Check {
    # Check the access to S3, report it if there is a token, and return the exit code.
    $isReported = $TokenFile -ne '' -or [string] [Environment]::GetEnvironmentVariable('USG_TOKEN') -ne ''
    try {
        if ($isReported) { Set-Portal }
        [void] (Get-WebProxy "https://$($BucketNames[0])/")
    }
    catch {
        Write-Line (Get-Cause $_.Exception).Message
        return $WrongCommandLine
    }
    $bucket = @(foreach ($name in $BucketNames) { Test-Name $name $true })
    $service = @(foreach ($name in $ServiceNames) { Test-Name $name $false })
    foreach ($one in ($bucket + $service)) {
        $line = "$($one.name): $($one.outcome) $($one.detail)"
        Write-Line ($line.TrimEnd())
        $facts = @(([string]::Join(', ', [string[]] $one.addresses)), $one.tls, $one.issuer, [string] $one.status, $one.code) -ne ''
        Write-Line "  $([string]::Join('; ', [string[]] @($facts))); $($one.seconds) s"
    }
    $conclusion = Select-Conclusion $bucket $service
    Write-Line "${conclusion}: $($Titles[$conclusion])"
    $code = $Rejected
    if ($conclusion -eq 'works') { $code = $Accepted }
    if (-not $isReported) { return $code }
    $sent = Send-Json 'POST' '/api/v1/access-checks' @{ machine = $Machine; names = @($bucket + $service) } $MostTries
    if ($sent.Failure -ne '' -or $null -eq $sent.Answer) {
        Write-Line "not reported: $($sent.Failure)"
        return $Undelivered
    }
    if ($null -eq (Get-Field $sent.Answer.Document 'conclusion')) {
        Write-Line "not reported: $(Get-Reason $sent.Answer)"
        return $Undelivered
    }
    foreach ($text in @(Get-Field $sent.Answer.Document 'advice')) { if ($null -ne $text) { Write-Line "  $text" } }
    Write-Line "reported to $To"
    return $code
}


# Fingerprints

# Bytes of a file before its header; of the largest header; of a key.
$PreludeBytes = 22
$LargestHeader = 16384
$KeyBytes = 32

function Get-Signer {
    # Return the server and the fingerprint of the key that a file names, as one line.
    # The header is not encrypted: 8 bytes of mark, 2, 4 of its length, 8, the header.
    param([string] $Path)

    $start = New-Object -TypeName byte[] -ArgumentList ($PreludeBytes + $LargestHeader)
    $count = 0
    $stream = Open-Shared $Path
    try {
        do {
            $more = $stream.Read($start, $count, $start.Length - $count)
            $count += $more
        } while ($more -gt 0 -and $count -lt $start.Length)
    }
    finally { $stream.Dispose() }
    if ($count -lt $PreludeBytes -or (Get-Hex $start).Substring(0, 16) -ne '895553470d0a1a0a') { throw "not a usage file of the portal's format" }
    $length = [long] 0
    for ($at = 10; $at -lt 14; $at++) { $length = 256 * $length + $start[$at] }
    if ($length -gt $count - $PreludeBytes) { throw 'the header is cut' }
    $header = ConvertFrom-Json -InputObject $script:Utf8.GetString($start, $PreludeBytes, [int] $length)
    $server = [string] (Get-Field $header 'server')
    $signer = [string] (Get-Field $header 'signer')
    if ($server -eq '' -or $signer -notmatch '\A[0-9a-f]{64}\z') { throw 'the header names no server or no key' }
    $key = @(for ($at = 0; $at -lt $KeyBytes; $at++) { [Convert]::ToByte($signer.Substring(2 * $at, 2), 16) })
    $bytes = [byte[]] ($script:Utf8.GetBytes("usg/1 key`0") + $key)
    $content = New-Object -TypeName System.IO.MemoryStream -ArgumentList (, $bytes)
    return "$(Get-Label $server)  $((Get-Hex (Get-Hash $content)).Substring(0, 32))"
}

function Show-Fingerprints {
    # Write each server of a directory's files with its key, and return the exit code.
    param([string] $Path)

    $found = New-Object -TypeName System.Collections.Specialized.OrderedDictionary
    $failures = New-Object -TypeName System.Collections.Generic.List[string]
    $folder = New-Object -TypeName System.IO.DirectoryInfo -ArgumentList $Path
    foreach ($one in @($folder.GetFileSystemInfos() | Sort-Object -Property Name)) {
        if ($one.Name.StartsWith('.', [StringComparison]::Ordinal)) { continue }
        if (-not $one.Name.EndsWith('.usg', [StringComparison]::OrdinalIgnoreCase)) { continue }
        try {
            $signer = Get-Signer $one.FullName
            $found[$signer] = 1 + [int] $found[$signer]
        }
        catch { $failures.Add("cannot be read: $(Get-Label $one.Name) ($((Get-Cause $_.Exception).Message))") }
    }
    foreach ($signer in @($found.Keys)) {
        $files = "$($found[$signer]) files"
        if ($found[$signer] -eq 1) { $files = '1 file' }
        Write-Line "$signer  $files"
    }
    foreach ($failure in $failures) { Write-Line $failure }
    if (@($found.Keys).Length -eq 0) {
        Write-Line 'no usage file with a key is in this directory'
        return $Rejected
    }
    if ($failures.ToArray().Length -gt 0) { return $Rejected }
    return $Accepted
}


# Start

function Get-Unquoted {
    # Remove single quotes, which cmd.exe passes on as part of the value.
    param([string] $Text)

    if ($Text.Length -gt 1 -and $Text.StartsWith("'") -and $Text.EndsWith("'")) { return $Text.Substring(1, $Text.Length - 2) }
    return $Text
}

function Invoke-Main {
    # Run what the command line names, and return the exit code.
    if (@($Rest | Where-Object -FilterScript { $_ }).Length -gt 0) {
        # Values are not repeated, also after = or :, for one of them may be a token.
        $names = @(foreach ($one in @($Rest) -like '-*') { ($one -split '[=:]', 2)[0] })
        Write-Line "the command line is wrong near: $names"
        return $WrongCommandLine
    }
    if ($Check) { return Invoke-Check }
    if ($Directory -eq '') {
        Write-Line 'give the usage directory: -Directory D:\i3\ic\work\usage'
        return $WrongCommandLine
    }
    if (-not $Fingerprints) { Set-Portal }
    $path = Get-FullPath $Directory
    if (-not [IO.Directory]::Exists($path)) { throw "there is no directory $path" }
    if ($Fingerprints) { return Show-Fingerprints $path }
    return Invoke-Send $path
}

$Directory = Get-Unquoted $Directory
$TokenFile = Get-Unquoted $TokenFile
$Proxy = Get-Unquoted $Proxy
$Log = Get-Unquoted $Log
$Machine = Get-Unquoted $Machine
$To = Get-Unquoted $To
$exitCode = $Rejected
try {
    if ($Machine -eq '') { $Machine = [Net.Dns]::GetHostName() }
    Start-Log
    $exitCode = [int] @(Invoke-Main)[-1]
}
catch { Write-Line (Get-Cause $_.Exception).Message }
finally {
    if ($null -ne $Mutex) { $Mutex.Dispose() }
}
Write-RunEvent $exitCode
exit $exitCode
