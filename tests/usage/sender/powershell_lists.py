"""What Windows PowerShell 5.1 on .NET Framework 4.5.2 has, of what the script uses.

No PowerShell runs where this is built, so what the script may use is listed by hand,
from Microsoft's reference of PowerShell 5.1 and of .NET Framework. A name that is added
here has to be looked up there: PowerShell 7 and .NET 5 and later have many others.
"""

from collections.abc import Mapping

# Commands of PowerShell 5.1, and their parameters. Aliases are not used.
COMMANDS: Mapping[str, frozenset[str]] = {
    "ConvertFrom-Json": frozenset({"InputObject"}),
    "ConvertTo-Json": frozenset({"InputObject", "Depth", "Compress"}),
    "Get-Item": frozenset({"LiteralPath", "Force"}),
    "Get-Random": frozenset({"Minimum", "Maximum"}),
    "Join-Path": frozenset({"Path", "ChildPath"}),
    "New-Object": frozenset({"TypeName", "ArgumentList"}),
    "Set-StrictMode": frozenset({"Version"}),
    "Sort-Object": frozenset({"Property"}),
    "Start-Sleep": frozenset({"Milliseconds"}),
    "Where-Object": frozenset({"FilterScript"}),
}

# Types that PowerShell 5.1 knows by a short name, and attributes.
SHORT = frozenset(
    {
        *("bool", "byte", "char", "decimal", "double", "hashtable", "int", "long"),
        *("object", "pscustomobject", "ref", "string", "switch", "void"),
        *("CmdletBinding", "Parameter"),
    }
)

# Types of .NET Framework 4.5.2 and their static members. PowerShell adds "System.".
TYPES: Mapping[str, frozenset[str]] = {
    "Array": frozenset({"IndexOf"}),
    "BitConverter": frozenset({"ToInt32", "ToString"}),
    "Collections.Generic.List": frozenset(),
    "Collections.Specialized.OrderedDictionary": frozenset(),
    "Console": frozenset({"Out"}),
    "Convert": frozenset({"FromBase64String", "ToBase64String", "ToByte"}),
    "DateTime": frozenset({"Now", "UtcNow"}),
    "Diagnostics.EventLog": frozenset(
        {"CreateEventSource", "SourceExists", "WriteEntry"}
    ),
    "Diagnostics.EventLogEntryType": frozenset({"Error", "Information", "Warning"}),
    "Diagnostics.Stopwatch": frozenset({"StartNew"}),
    "Environment": frozenset({"GetEnvironmentVariable"}),
    "Exception": frozenset(),
    "Globalization.CultureInfo": frozenset({"InvariantCulture"}),
    "Guid": frozenset({"NewGuid"}),
    "IO.Directory": frozenset({"Exists"}),
    "IO.DirectoryInfo": frozenset(),
    # File.Move has no parameter to overwrite before .NET Core 3.
    "IO.File": frozenset({"AppendAllText", "Delete", "Move", "ReadAllText"}),
    "IO.FileAccess": frozenset({"Read"}),
    "IO.FileAttributes": frozenset({"ReparsePoint"}),
    "IO.FileInfo": frozenset(),
    "IO.FileMode": frozenset({"Open"}),
    "IO.FileNotFoundException": frozenset(),
    "IO.FileShare": frozenset({"Read"}),
    "IO.FileStream": frozenset(),
    "IO.FileSystemInfo": frozenset(),
    "IO.IOException": frozenset(),
    "IO.MemoryStream": frozenset(),
    "IO.Stream": frozenset(),
    "IO.StreamReader": frozenset(),
    "Management.Automation.ExtendedTypeSystemException": frozenset(),
    "Management.Automation.PSCustomObject": frozenset(),
    "Math": frozenset({"Abs", "Ceiling", "Max", "Min", "Round"}),
    "Microsoft.Win32.Registry": frozenset({"GetValue"}),
    "Net.Dns": frozenset(
        {"BeginGetHostAddresses", "EndGetHostAddresses", "GetHostName"}
    ),
    "Net.HttpWebResponse": frozenset(),
    "Net.IPAddress": frozenset(),
    "Net.NetworkCredential": frozenset(),
    "Net.Security.RemoteCertificateValidationCallback": frozenset(),
    "Net.Security.SslPolicyErrors": frozenset({"None", "RemoteCertificateChainErrors"}),
    "Net.Security.SslStream": frozenset(),
    "Net.SecurityProtocolType": frozenset({"Tls12"}),
    "Net.ServicePointManager": frozenset({"Expect100Continue", "SecurityProtocol"}),
    "Net.Sockets.TcpClient": frozenset(),
    "Net.WebException": frozenset(),
    "Net.WebExceptionStatus": frozenset({"TrustFailure"}),
    "Net.WebProxy": frozenset(),
    "Net.WebRequest": frozenset({"Create", "GetSystemWebProxy"}),
    "Security.Authentication.SslProtocols": frozenset({"Tls12"}),
    "Security.Cryptography.SHA256CryptoServiceProvider": frozenset(),
    "Security.Cryptography.X509Certificates.X509Certificate2": frozenset(),
    "StringComparison": frozenset({"Ordinal", "OrdinalIgnoreCase"}),
    "Text.Encoding": frozenset({"ASCII", "UTF8"}),
    "Text.RegularExpressions.Regex": frozenset({"Replace"}),
    "Text.StringBuilder": frozenset(),
    "Text.UTF8Encoding": frozenset(),
    "Threading.AbandonedMutexException": frozenset(),
    "Threading.Mutex": frozenset(),
    "UnauthorizedAccessException": frozenset(),
    "Uri": frozenset({"EscapeDataString", "TryCreate", "UnescapeDataString"}),
    "UriKind": frozenset({"Absolute"}),
    "string": frozenset({"Join"}),
}

# Members of objects, by what has them.
MEMBERS: Mapping[str, str] = {
    "string": "Contains EndsWith Length Replace Split StartsWith Substring"
    " ToLowerInvariant Trim TrimEnd TrimStart",
    "object": "ToString",
    "array and list": "Add Length ToArray",
    "dictionary": "Keys Remove Values",
    "exception": "HResult InnerException Message",
    "error record": "Exception",
    "PSObject": "PSObject Properties Value",
    "execution context": "GetUnresolvedProviderPathFromPSPath Path SessionState",
    "console": "WriteLine",
    "time": "Elapsed ElapsedMilliseconds TotalSeconds",
    "file system": "Attributes Exists FullName GetFileSystemInfos LastWriteTimeUtc"
    " Length Name Refresh",
    # A property that PowerShell 5.0 and later adds to files.
    "item": "LinkType",
    "stream": "Close CopyTo Dispose Length Position Read Write",
    "text": "Append GetBytes GetString Length",
    "hash": "ComputeHash Dispose",
    "mutex": "Dispose WaitOne",
    "Uri": "AbsoluteUri Fragment Host IsLoopback PathAndQuery Port Query Scheme"
    " UserInfo",
    "proxy": "Address Credentials GetProxy Password UseDefaultCredentials UserName",
    "HttpWebRequest": "Abort AllowAutoRedirect AllowWriteStreamBuffering ContentLength"
    " ContentType GetRequestStream GetResponse Headers KeepAlive Method Proxy"
    " ReadWriteTimeout Timeout UserAgent",
    "HttpWebResponse": "Close ContentType GetResponseStream Headers Server StatusCode",
    "WebException": "Response Status",
    "TcpClient": "BeginConnect Close EndConnect GetStream ReceiveTimeout SendTimeout",
    "IAsyncResult": "AsyncWaitHandle",
    "IPAddress": "AddressFamily",
    "SslStream": "AuthenticateAsClient RemoteCertificate SslProtocol",
    "certificate": "ChainStatus Format Issuer IssuerName Status Subject",
}

# Operators that later versions have, and what the grammar calls them.
NOT_IN_5_1 = frozenset({"ternary_expression", "??", "?.", "?[", "&&", "||", "??="})
