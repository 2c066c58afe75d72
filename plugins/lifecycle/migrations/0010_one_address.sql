-- One address has one form: trimmed, in lower case and in NFC, its domain as IDNA 2008 encodes it. addresses.py does the
-- same. dbt knows a change of its own SQL, but not of a function that it calls: another rule needs another name.

-- A label with letters beyond ASCII as DNS has it, without "xn--" (RFC 3492, 6.3).
create function $raw.punycode(label text) returns text
language plpgsql immutable strict parallel safe
as $punycode$
declare
    codes constant integer[] := array(select ascii(letter) from unnest(string_to_array(label, null)) as letter);
    basic constant text := regexp_replace(label, '[^\u0001-\u007f]', '', 'g');
    encoded text := basic || case when basic <> '' then '-' else '' end;
    handled integer := length(basic);
    smallest integer := 128;
    delta integer := 0;
    bias integer := 72;
    code integer;
    next_smallest integer;
    rest integer;
    place integer;
    threshold integer;
begin
    while handled < length(label) loop
        next_smallest := (select min(larger) from unnest(codes) as larger where larger >= smallest);
        delta := delta + (next_smallest - smallest) * (handled + 1);
        smallest := next_smallest;
        foreach code in array codes loop
            if code < smallest then
                delta := delta + 1;
            elsif code = smallest then
                rest := delta;
                place := 36;
                loop
                    threshold := greatest(1, least(26, place - bias));
                    exit when rest < threshold;
                    encoded := encoded || substr('abcdefghijklmnopqrstuvwxyz0123456789', 1 + threshold
                        + (rest - threshold) % (36 - threshold), 1);
                    rest := (rest - threshold) / (36 - threshold);
                    place := place + 36;
                end loop;
                encoded := encoded || substr('abcdefghijklmnopqrstuvwxyz0123456789', 1 + rest, 1);
                delta := delta / case when handled = length(basic) then 700 else 2 end;
                handled := handled + 1;
                delta := delta + delta / handled;
                bias := 0;
                while delta > 455 loop
                    delta := delta / 35;
                    bias := bias + 36;
                end loop;
                bias := bias + 36 * delta / (delta + 38);
                delta := 0;
            end if;
        end loop;
        delta := delta + 1;
        smallest := smallest + 1;
    end loop;
    return encoded;
end
$punycode$;

-- Its letters are those of addresses.py; a domain with others stays as it is.
create function $raw.normalized_unicode_email(email text) returns text
language plpgsql immutable strict parallel safe
as $normalized_unicode_email$
declare
    upper_case constant text :=
        'ÆÐØÞĐĦĲĿŁŊŒŦƁƂƄƆƇƉƊƋƎƏƐƑƓƔƖƗƘƜƝƟƢƤƦƧƩƬƮƱƲƳƵƷƸƼǄǅǇǈǊǋǤǱǲǶǷȜȠȢȤȺȻȽȾɁɃɄɅɆɈɊɌɎͰͲͶͿΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩϏ'
        'ϘϚϜϞϠϢϤϦϨϪϬϮϴϷϹϺϽϾϿЂЄЅІЈЉЊЋЏАБВГДЕЖЗИКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯѠѢѤѦѨѪѬѮѰѲѴѸѺѼѾҀҊҌҎҐҒҔҖҘҚҜҞҠҢҤҦҨҪҬҮҰҲҴҶҸҺҼҾӀ'
        'ӃӅӇӉӋӍӔӘӠӨӶӺӼӾԀԂԄԆԈԊԌԎԐԒԔԖԘԚԜԞԠԢԤԦԨԪԬԮԱԲԳԴԵԶԷԸԹԺԻԼԽԾԿՀՁՂՃՄՅՆՇՈՉՊՋՌՍՎՏՐՑՒՓՔՕՖẞỺỼỾＡＢＣＤＥＦＧＨＩＪＫＬＭＮＯＰＱＲＳＴＵＶＷ'
        'ＸＹＺ';
    lower_case constant text :=
        'æðøþđħĳŀłŋœŧɓƃƅɔƈɖɗƌǝəɛƒɠɣɩɨƙɯɲɵƣƥʀƨʃƭʈʊʋƴƶʒƹƽǆǆǉǉǌǌǥǳǳƕƿȝƞȣȥⱥȼƚⱦɂƀʉʌɇɉɋɍɏͱͳͷϳαβγδεζηθικλμνξοπρστυφχψωϗ'
        'ϙϛϝϟϡϣϥϧϩϫϭϯθϸϲϻͻͼͽђєѕіјљњћџабвгдежзиклмнопрстуфхцчшщъыьэюяѡѣѥѧѩѫѭѯѱѳѵѹѻѽѿҁҋҍҏґғҕҗҙқҝҟҡңҥҧҩҫҭүұҳҵҷҹһҽҿӏ'
        'ӄӆӈӊӌӎӕәӡөӷӻӽӿԁԃԅԇԉԋԍԏԑԓԕԗԙԛԝԟԡԣԥԧԩԫԭԯաբգդեզէըթժիլխծկհձղճմյնշոչպջռսվտրցւփքօֆßỻỽỿａｂｃｄｅｆｇｈｉｊｋｌｍｎｏｐｑｒｓｔｕｖｗ'
        'ｘｙｚ';
    left_to_right constant text :=
        '\u00df-\u00f6\u00f8-\u0131\u0134-\u013e\u0141-\u0148\u014a-\u017e\u0180-\u01c3\u01cd-\u01f0'
        '\u01f4-\u02af\u0300-\u0344\u0346-\u034e\u0350-\u036f\u0390\u03ac-\u03ce\u0430-\u0481\u0483-\u0487'
        '\u048a-\u052f\u0561-\u0586\u10d0-\u10fa\u1e00-\u1e99\u1e9c-\u1f15\u1f20-\u1f45\u1f50-\u1f57'
        '\u1f60-\u1f7c\u3005-\u3007\u3041-\u3096\u3099\u309a\u309d\u309e\u30a1-\u30fa\u30fc-\u30fe'
        '\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3';
    right_to_left constant text :=
        '\u05d0-\u05ea\u0620-\u063f\u0641-\u064a\u066e\u066f\u0671-\u0674\u0679-\u06d3\u06d5\u06ee\u06ef'
        '\u06fa-\u06fc\u06ff\u0750-\u077f';
    a_label constant text :=
        '^(?![-\u0300-\u036f\u0483-\u0487\u3099\u309a]|..--)(?:(?:[a-z0-9' || left_to_right || '-]|l\u00b7(?=l))+'
        || '|[' || right_to_left || '][' || right_to_left || '0-9-]*)(?<!-)$';
    mapped constant text := '０１２３４５６７８９ａｂｃｄｅｆｇｈｉｊｋｌｍｎｏｐｑｒｓｔｕｖｗｘｙｚ－．。｡' || U&'\00ad\200b\2060\feff';
    address text;
    domain text;
    label text;
    labels text[] := '{}';
begin
    address := normalize(
        btrim(email, U&' \0009\000a\000b\000c\000d\0085\00a0\2007\2008\2009\200b\2028\2029\202f\3000\feff'), NFD);
    address := lower(address collate "C");
    if address ~ ('[' || upper_case || ']') then
        address := translate(address, upper_case, lower_case);
    end if;
    address := nullif(normalize(address, NFC), '');
    domain := substring(address from '@([^@]*)$');
    if domain is null or domain !~ '[^\u0001-\u007f]' then
        return address;
    end if;
    foreach label in array string_to_array(
        normalize(translate(domain, mapped, '0123456789abcdefghijklmnopqrstuvwxyz-...'), NFC), '.')
    loop
        if label ~ '[^\u0001-\u007f]' then
            if length(label) > 59 or label !~ a_label then
                return address;
            end if;
            label := 'xn--' || $raw.punycode(label);
            if length(label) > 63 then
                return address;
            end if;
        end if;
        labels := labels || label;
    end loop;
    return left(address, -length(domain)) || array_to_string(labels, '.');
end
$normalized_unicode_email$;

-- Most addresses are in ASCII. PostgreSQL inlines this, so that they cost no more than lower(); "C" is the lower case
-- of every language.
create function $raw.normalized_email(email text) returns text
language sql immutable parallel safe
return case
    when octet_length(email) = length(email)
        then nullif(lower(btrim(email, U&' \0009\000a\000b\000c\000d') collate "C"), '')
    else $raw.normalized_unicode_email(email)
end collate "default";

-- A person's id is a name-based UUID of the address, so who has a domain beyond ASCII, or a decomposed address, has
-- another one from now on. This is the trace of it, and what is known by the former id follows. dbt derives all else.
create table $delivery.former_person (
    former_id uuid primary key,
    person_id uuid not null,
    moved_at timestamptz not null default now()
);
create index former_person_now on $delivery.former_person (person_id);

create function pg_temp.person_id(email text) returns uuid
language sql immutable strict
return (
    select encode(
        set_byte(set_byte(bytes, 6, get_byte(bytes, 6) & 15 | 128), 8, get_byte(bytes, 8) & 63 | 128), 'hex')::uuid
    from substring(sha256('\x6f1c2b7e4d0a4c58a3de5b9f71c08e24'::bytea || convert_to('email:' || email, 'UTF8')) for 16)
        as digest (bytes)
);

do $moved$
declare
    relation text;
begin
    foreach relation in array array[
        '$delivery.plan', '$delivery.ledger', '$delivery.reject', '$marts.persons', '$intermediate.int_orders',
        '$intermediate.int_identity_events'
    ] loop
        if to_regclass(relation) is not null then -- dbt's tables come with the first night
            execute format(
                'insert into $delivery.former_person (former_id, person_id)'
                ' select distinct pg_temp.person_id(email), pg_temp.person_id($raw.normalized_email(email)) from %s'
                ' where $raw.normalized_email(email) <> email'
                ' on conflict (former_id) do nothing', relation);
        end if;
    end loop;
    if to_regclass('$intermediate.int_delivered_messages') is not null then
        update $intermediate.int_delivered_messages set email = $raw.normalized_email(email)
        where $raw.normalized_email(email) <> email;
    end if;
    if to_regclass('$marts.stage_corrections') is not null then
        update $marts.stage_corrections set subject_id = former.person_id
        from $delivery.former_person as former where former.former_id = subject_id;
    end if;
end
$moved$;

-- The contact of a former address leaves all lists, and the present one comes after it. Where the ledger has both, the
-- former one stays, to leave as a person of its own; the present one is uncertain with the lists of both, so that the
-- next plan writes it whole.
create temporary table moved_contact on commit drop as
select ledger.account_id, ledger.person_id as former_id, former.person_id,
    not exists (
        select from $delivery.ledger as present
        where present.account_id = ledger.account_id and present.person_id = former.person_id
    ) and row_number() over (
        partition by ledger.account_id, former.person_id order by ledger.confirmed_at desc, ledger.person_id
    ) = 1 as takes_its_place,
    ledger.lists, ledger.fields
from $delivery.ledger
inner join $delivery.former_person as former on former.former_id = ledger.person_id;

update $delivery.ledger set person_id = moved_contact.person_id
from moved_contact
where takes_its_place and ledger.account_id = moved_contact.account_id and ledger.person_id = former_id;

update $delivery.ledger set is_certain = false,
    lists = array(select unnest(ledger.lists) union select unnest(united.lists) order by 1),
    fields = (
        select coalesce(jsonb_object_agg(key, null::text), '{}')
        from jsonb_object_keys(ledger.fields || united.fields) as key)
from (
    select account_id, person_id, array_agg(distinct list_name) filter (where list_name is not null) as lists,
        coalesce(jsonb_object_agg(key, null::text) filter (where key is not null), '{}') as fields
    from moved_contact
    left join lateral unnest(lists) as of_list (list_name) on true
    left join lateral jsonb_object_keys(fields) as of_field (key) on true
    where not takes_its_place
    group by account_id, person_id
) as united
where ledger.account_id = united.account_id and ledger.person_id = united.person_id;

-- Of two stays on one list the earlier one goes on, of two decisions about one audience the stricter one.
update $delivery.membership set left_on = membership.entered_on, left_run = membership.entered_run
from (
    select membership.account_id, membership.person_id, list_name, row_number() over (
        partition by membership.account_id, coalesce(former.person_id, membership.person_id), list_name
        order by entered_on, entered_run, membership.person_id) as place
    from $delivery.membership
    left join $delivery.former_person as former on former.former_id = membership.person_id
    where left_run is null
) as stay
where place > 1 and membership.left_run is null
    and (membership.account_id, membership.person_id, membership.list_name)
        = (stay.account_id, stay.person_id, stay.list_name);

update $delivery.decision set until_on = decision.since_on, until_run = decision.since_run
from (
    select audience, decision.person_id, row_number() over (
        partition by audience, coalesce(former.person_id, decision.person_id)
        order by outcome = 'member', outcome = 'holdout', since_run, decision.person_id) as place
    from $delivery.decision
    left join $delivery.former_person as former on former.former_id = decision.person_id
    where until_run is null
) as decided
where place > 1 and until_run is null
    and (decision.audience, decision.person_id) = (decided.audience, decided.person_id);

-- A run that knew both keeps the row of the former id as well.
create temporary table moved_plan on commit drop as
select distinct on (run_id, former.person_id) run_id, former_id, former.person_id
from $delivery.plan
inner join $delivery.former_person as former on former.former_id = plan.person_id
where not exists (
    select from $delivery.plan as present where present.run_id = plan.run_id and present.person_id = former.person_id
)
order by run_id, former.person_id, former_id;

do $follow$
declare
    relation text;
begin
    foreach relation in array array['plan', 'job_row'] loop
        execute format(
            'update $delivery.%I as kept set person_id = moved_plan.person_id from moved_plan'
            ' where kept.run_id = moved_plan.run_id and kept.person_id = former_id', relation);
    end loop;
    foreach relation in array array[
        '$delivery.membership', '$delivery.decision', '$delivery.reject', '$delivery.drift', '$access.person_view'
    ] loop
        execute format(
            'update %s as kept set person_id = former.person_id from $delivery.former_person as former'
            ' where former.former_id = kept.person_id', relation);
    end loop;
end
$follow$;
