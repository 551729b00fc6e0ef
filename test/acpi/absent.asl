/* No MADT: with this in its place, the machine has one table more and none that lists CPUs. */
[0004]                          Signature : "OEM1"
[0004]                       Table Length : 00000000
[0001]                           Revision : 01
[0001]                           Checksum : 00
[0006]                             Oem ID : "SALLY "
[0008]                       Oem Table ID : "NOTHING "
[0004]                       Oem Revision : 00000001
[0004]                    Asl Compiler ID : "INTL"
[0004]              Asl Compiler Revision : 20200925

UINT32 : 00000000
