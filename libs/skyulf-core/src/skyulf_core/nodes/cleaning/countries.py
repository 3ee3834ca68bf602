"""Countries: ISO 3166 two-letter and three-letter codes, names in English, and other names in use."""

from __future__ import annotations

from skyulf_core.serving.ops.text_cleaning import folded

# one country: two letters, three letters, name/other name/… (a country's own name where it is often written)
_COUNTRIES = """
AF AFG Afghanistan;AX ALA Åland Islands/Aland;AL ALB Albania/Shqipëria;DZ DZA Algeria;AS ASM American Samoa
AD AND Andorra;AO AGO Angola;AI AIA Anguilla;AQ ATA Antarctica;AG ATG Antigua and Barbuda/Antigua & Barbuda
AR ARG Argentina;AM ARM Armenia;AW ABW Aruba;AU AUS Australia;AT AUT Austria/Österreich;AZ AZE Azerbaijan
BS BHS Bahamas/The Bahamas;BH BHR Bahrain;BD BGD Bangladesh;BB BRB Barbados;BY BLR Belarus
BE BEL Belgium/België/Belgique/Belgien;BZ BLZ Belize;BJ BEN Benin;BM BMU Bermuda;BT BTN Bhutan
BO BOL Bolivia/Plurinational State of Bolivia/Bolivia (Plurinational State of)
BQ BES Bonaire, Sint Eustatius and Saba/Caribbean Netherlands;BA BIH Bosnia and Herzegovina/Bosnia/Bosnia & Herzegovina
BW BWA Botswana;BV BVT Bouvet Island;BR BRA Brazil/Brasil;IO IOT British Indian Ocean Territory
BN BRN Brunei Darussalam/Brunei;BG BGR Bulgaria;BF BFA Burkina Faso;BI BDI Burundi;CV CPV Cabo Verde/Cape Verde
KH KHM Cambodia;CM CMR Cameroon;CA CAN Canada;KY CYM Cayman Islands;CF CAF Central African Republic;TD TCD Chad
CL CHL Chile;CN CHN China/People's Republic of China/PR China/PRC/Mainland China;CX CXR Christmas Island
CC CCK Cocos (Keeling) Islands/Cocos Islands;CO COL Colombia;KM COM Comoros
CG COG Congo/Republic of the Congo/Congo-Brazzaville/Congo, Republic of the
CD COD Democratic Republic of the Congo/DR Congo/DRC/Congo-Kinshasa/Congo, Democratic Republic of the
CK COK Cook Islands;CR CRI Costa Rica;CI CIV Côte d'Ivoire/Cote d'Ivoire/Côte d’Ivoire/Ivory Coast
HR HRV Croatia/Hrvatska;CU CUB Cuba;CW CUW Curaçao/Curacao;CY CYP Cyprus;CZ CZE Czechia/Czech Republic/Česko
DK DNK Denmark/Danmark;DJ DJI Djibouti;DM DMA Dominica;DO DOM Dominican Republic;EC ECU Ecuador;EG EGY Egypt
SV SLV El Salvador;GQ GNQ Equatorial Guinea;ER ERI Eritrea;EE EST Estonia/Eesti;SZ SWZ Eswatini/Swaziland
ET ETH Ethiopia;FK FLK Falkland Islands/Falkland Islands (Malvinas);FO FRO Faroe Islands/Faeroe Islands;FJ FJI Fiji
FI FIN Finland/Suomi;FR FRA France;GF GUF French Guiana;PF PYF French Polynesia;TF ATF French Southern Territories
GA GAB Gabon;GM GMB Gambia/The Gambia;GE GEO Georgia;DE DEU Germany/Deutschland/Allemagne/Federal Republic of Germany
GH GHA Ghana;GI GIB Gibraltar;GR GRC Greece/Hellas/Ελλάδα/EL;GL GRL Greenland;GD GRD Grenada;GP GLP Guadeloupe
GU GUM Guam;GT GTM Guatemala;GG GGY Guernsey;GN GIN Guinea;GW GNB Guinea-Bissau;GY GUY Guyana;HT HTI Haiti
HM HMD Heard Island and McDonald Islands;VA VAT Holy See/Vatican City/Vatican;HN HND Honduras
HK HKG Hong Kong/Hong Kong SAR;HU HUN Hungary/Magyarország;IS ISL Iceland/Ísland;IN IND India/Bharat;ID IDN Indonesia
IR IRN Iran/Islamic Republic of Iran/Iran (Islamic Republic of)/Iran, Islamic Republic of;IQ IRQ Iraq
IE IRL Ireland/Éire/Republic of Ireland;IM IMN Isle of Man;IL ISR Israel;IT ITA Italy/Italia/Italien;JM JAM Jamaica
JP JPN Japan/日本/Nippon;JE JEY Jersey;JO JOR Jordan;KZ KAZ Kazakhstan;KE KEN Kenya;KI KIR Kiribati
KP PRK North Korea/Democratic People's Republic of Korea/Korea, Democratic People's Republic of/DPRK
KR KOR South Korea/Republic of Korea/Korea, Republic of/Korea/한국;KW KWT Kuwait;KG KGZ Kyrgyzstan
LA LAO Laos/Lao People's Democratic Republic/Lao PDR;LV LVA Latvia/Latvija;LB LBN Lebanon;LS LSO Lesotho;LR LBR Liberia
LY LBY Libya;LI LIE Liechtenstein;LT LTU Lithuania/Lietuva;LU LUX Luxembourg/Luxemburg;MO MAC Macao/Macau
MG MDG Madagascar;MW MWI Malawi;MY MYS Malaysia;MV MDV Maldives;ML MLI Mali;MT MLT Malta;MH MHL Marshall Islands
MQ MTQ Martinique;MR MRT Mauritania;MU MUS Mauritius;YT MYT Mayotte;MX MEX Mexico/México
FM FSM Micronesia/Federated States of Micronesia/Micronesia (Federated States of)/Micronesia, Federated States of
MD MDA Moldova/Republic of Moldova/Moldova, Republic of;MC MCO Monaco;MN MNG Mongolia;ME MNE Montenegro/Crna Gora
MS MSR Montserrat;MA MAR Morocco;MZ MOZ Mozambique;MM MMR Myanmar/Burma;NA NAM Namibia;NR NRU Nauru;NP NPL Nepal
NL NLD Netherlands/The Netherlands/Nederland/Holland;NC NCL New Caledonia;NZ NZL New Zealand/Aotearoa;NI NIC Nicaragua
NE NER Niger;NG NGA Nigeria;NU NIU Niue;NF NFK Norfolk Island;MK MKD North Macedonia/Macedonia/FYROM
MP MNP Northern Mariana Islands;NO NOR Norway/Norge/Noreg;OM OMN Oman;PK PAK Pakistan;PW PLW Palau
PS PSE Palestine/State of Palestine/Palestine, State of;PA PAN Panama/Panamá;PG PNG Papua New Guinea;PY PRY Paraguay
PE PER Peru/Perú;PH PHL Philippines/The Philippines;PN PCN Pitcairn;PL POL Poland/Polska;PT PRT Portugal
PR PRI Puerto Rico;QA QAT Qatar;RE REU Réunion/Reunion;RO ROU Romania/România;RU RUS Russia/Russian Federation/Россия
RW RWA Rwanda;BL BLM Saint Barthélemy/Saint Barthelemy/St. Barthélemy
SH SHN Saint Helena, Ascension and Tristan da Cunha/Saint Helena/St. Helena
KN KNA Saint Kitts and Nevis/St. Kitts and Nevis/St. Kitts & Nevis;LC LCA Saint Lucia/St. Lucia
MF MAF Saint Martin/Saint Martin (French part)/St. Martin;PM SPM Saint Pierre and Miquelon/St. Pierre and Miquelon
VC VCT Saint Vincent and the Grenadines/St. Vincent and the Grenadines/St. Vincent;WS WSM Samoa;SM SMR San Marino
ST STP São Tomé and Príncipe/Sao Tome and Principe;SA SAU Saudi Arabia/KSA;SN SEN Senegal;RS SRB Serbia/Srbija
SC SYC Seychelles;SL SLE Sierra Leone;SG SGP Singapore;SX SXM Sint Maarten/Sint Maarten (Dutch part)
SK SVK Slovakia/Slovak Republic/Slovensko;SI SVN Slovenia/Slovenija;SB SLB Solomon Islands;SO SOM Somalia
ZA ZAF South Africa/RSA;GS SGS South Georgia and the South Sandwich Islands;SS SSD South Sudan
ES ESP Spain/España/Spanien;LK LKA Sri Lanka;SD SDN Sudan;SR SUR Suriname;SJ SJM Svalbard and Jan Mayen
SE SWE Sweden/Sverige;CH CHE Switzerland/Schweiz/Suisse/Svizzera;SY SYR Syria/Syrian Arab Republic
TW TWN Taiwan/Taiwan, Province of China;TJ TJK Tajikistan
TZ TZA Tanzania/United Republic of Tanzania/Tanzania, United Republic of;TH THA Thailand;TL TLS Timor-Leste/East Timor
TG TGO Togo;TK TKL Tokelau;TO TON Tonga;TT TTO Trinidad and Tobago/Trinidad & Tobago/Trinidad;TN TUN Tunisia
TR TUR Türkiye/Turkey/Turkiye;TM TKM Turkmenistan;TC TCA Turks and Caicos Islands/Turks & Caicos Islands;TV TUV Tuvalu
UG UGA Uganda;UA UKR Ukraine/Україна;AE ARE United Arab Emirates/UAE/Emirates
GB GBR United Kingdom/UK/Great Britain/Britain/United Kingdom of Great Britain and Northern Ireland
GB GBR England/Scotland/Wales/Northern Ireland
US USA United States/United States of America/US of A/America/The United States
UM UMI United States Minor Outlying Islands;UY URY Uruguay;UZ UZB Uzbekistan;VU VUT Vanuatu
VE VEN Venezuela/Bolivarian Republic of Venezuela/Venezuela (Bolivarian Republic of);VN VNM Viet Nam/Vietnam
VG VGB British Virgin Islands/Virgin Islands (British)/Virgin Islands, British
VI VIR US Virgin Islands/Virgin Islands (U.S.)/Virgin Islands, U.S.;WF WLF Wallis and Futuna;EH ESH Western Sahara
YE YEM Yemen;ZM ZMB Zambia;ZW ZWE Zimbabwe
"""


def country_aliases() -> dict[str, str]:
    """Return the two-letter code of each spelling, as spellings are compared.

    >>> country_aliases()["deutschland"], country_aliases()["nor"]
    ('DE', 'NO')
    """
    found: dict[str, str] = {}
    for country in _COUNTRIES.strip().replace("\n", ";").split(";"):
        alpha_2, alpha_3, names = country.split(" ", 2)
        found.update(dict.fromkeys(map(folded, (alpha_2, alpha_3, *names.split("/"))), alpha_2))
    return found
